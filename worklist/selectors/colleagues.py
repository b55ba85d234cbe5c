"""Who else reads where the viewer works."""

from __future__ import annotations

from ris.kernel.errors import NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for

from .access import permissions_of_many, sites_of_many


def colleagues(viewer: User) -> list[User]:
    """Readers who work at one of the sites whose worklist the viewer sees, by name; the viewer among them."""
    mine = set(sites_for(viewer, Can.SEE_WORKLIST).values_list("pk", flat=True))
    people = list(User.objects.filter(is_active=True).order_by("last_name", "first_name", "username"))
    ids = [person.pk for person in people]
    reads_at = sites_of_many(ids, permissions_of_many(ids), Can.READ_CASES)
    return [person for person in people if mine & reads_at[person.pk]]


def colleague(viewer: User, said: str) -> User:
    """The colleague of that id. Raises NotFound."""
    found = next((person for person in colleagues(viewer) if str(person.pk) == said), None)
    if found is None:
        raise NotFound("There is no such reader at your sites.")
    return found
