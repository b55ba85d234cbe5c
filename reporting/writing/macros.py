"""Macros: shared ones and a reader's own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .expansion import TRIGGER, expand, nested_in
from .merge import FIELDS
from .models import Macro

MOST_BODY = 10_000


def visible_macros(viewer: User) -> QuerySet[Macro]:
    """Everybody's macros and the viewer's own."""
    return Macro.objects.filter(Q(owner=None) | Q(owner=viewer)).select_related("owner")


def bodies_for(viewer: User) -> dict[str, str]:
    """Trigger → body; the viewer's own go before everybody's."""
    shared_first = visible_macros(viewer).order_by(F("owner").asc(nulls_first=True))
    return {macro.trigger: macro.body for macro in shared_first}


def macro_for(viewer: User, macro_id: int) -> Macro:
    """One visible macro. Raises NotFound."""
    macro = visible_macros(viewer).filter(pk=macro_id).first()
    if macro is None:
        raise NotFound("There is no such macro.")
    return macro


def may_edit_macro(user: User, macro: Macro) -> bool:
    """One's own; everybody's for who leads reading."""
    return macro.owner_id == user.pk if macro.owner_id else Can.LEAD_READING in permissions_of(user)


@transaction.atomic
def save_macro(user: User, trigger: str, body: str, *, shared: bool = False, actor: Actor, at: datetime) -> Macro:
    """Save a macro; one of the same trigger and owner gets a new version.

    Raises Invalid at ``trigger`` or ``body``, also for a body that calls itself, is nested too deeply or calls a macro
    that is not there; Forbidden for who may not change everybody's.
    """
    trigger = trigger.strip().lower().removeprefix(".")
    if not TRIGGER.fullmatch(trigger):
        raise Invalid("A trigger has 2 to 32 small letters, digits, - or _.", at="trigger")
    body = body.replace("\r\n", "\n").strip("\n")
    if not body.strip() or len(body) > MOST_BODY or "\x00" in body:
        raise Invalid(f"A macro has a text of at most {MOST_BODY} characters.", at="body")
    macro = Macro.objects.filter(trigger=trigger, owner=None if shared else user).first()
    if not may_edit_macro(user, macro or Macro(owner=None if shared else user)):
        raise Forbidden("Who leads reading changes everybody's macros; make one of your own.", code="role")
    # Everybody's macros cannot call one that only its owner has.
    known = {m.trigger: m.body for m in Macro.objects.filter(owner=None)} if shared else bodies_for(user)
    known[trigger] = body
    missing = next((name for name in nested_in(body) if name not in known), None)
    if missing:
        raise Invalid(f"There is no macro .{missing}.", at="body")
    _check_callers(trigger, known)
    if macro is None:
        macro = Macro.objects.create(trigger=trigger, body=body, owner=None if shared else user)
    else:
        Macro.objects.filter(pk=macro.pk).update(body=body, version=F("version") + 1)
        macro.refresh_from_db()
    record(actor, "macro.save", macro, at=at, version=macro.version)
    return macro


def _check_callers(trigger: str, known: dict[str, str]) -> None:
    """A change may make another macro, that calls this one, too deep or too long."""
    callers = {trigger}
    grown = True
    while grown:
        more = {name for name, body in known.items() if callers & set(nested_in(body))} - callers
        grown = bool(more)
        callers |= more
    for name in sorted(callers):
        expand(name, known, merge=dict.fromkeys(FIELDS, ""))


@transaction.atomic
def delete_macro(user: User, macro_id: int, *, actor: Actor, at: datetime) -> None:
    """Delete a macro. Raises NotFound, Forbidden; Conflict while another one calls it."""
    macro = macro_for(user, macro_id)
    if not may_edit_macro(user, macro):
        raise Forbidden("Who leads reading changes everybody's macros.", code="role")
    others = visible_macros(user).exclude(pk=macro.pk)
    stands = others.filter(trigger=macro.trigger).exists()
    caller = next((m for m in others if macro.trigger in nested_in(m.body)), None)
    if caller is not None and not stands:
        raise Conflict(f"The macro .{caller.trigger} calls it. Change that one first.")
    record(actor, "macro.delete", macro, at=at)
    macro.delete()


def count_use(user: User, triggers: Iterable[str], at: datetime) -> dict[str, int]:
    """Count one use of each; their versions by trigger."""
    versions = {}
    for macro in visible_macros(user).filter(trigger__in=list(triggers)).order_by(F("owner").asc(nulls_first=True)):
        versions[macro.trigger] = macro
    for macro in versions.values():
        Macro.objects.filter(pk=macro.pk).update(used=F("used") + 1, used_at=at)
    return {trigger: macro.version for trigger, macro in versions.items()}
