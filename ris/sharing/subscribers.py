"""What sharing does when somebody leaves."""

from __future__ import annotations

from ris.audit.services import Actor
from ris.kernel.events import subscribe
from ris.people.login.leavers import PersonLeft

from .shares.services import revoke_shares_of


@subscribe(PersonLeft, name="sharing.revoke_shares")
def revoke_shares_of_leaver(event: PersonLeft) -> None:
    """Revoke what a person shared who works here no more: nobody answers for it."""
    revoke_shares_of(event.user_id, actor=Actor.job("leavers"), at=event.at)
