"""The next case: chosen by the server, at the moment it is asked, and claimed in the same statement."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from ris.audit.actor import Actor
from ris.kernel import errors
from ris.kernel.db.locks import lock_name
from ris.kernel.db.statements import Kept, insert
from ris.people.models import User
from worklist.events import ItemClaimed
from worklist.models import Conflict, Decision, ReadingItem
from worklist.rules.eligibility import OVERTIME_MINUTES, ReaderNow
from worklist.rules.lanes import PRIMARY, SECONDARY, minutes
from worklist.selectors.order_search import Asking, asking_now

from ..claims.holding import LEASE, refuse_full, say
from ..claims.linked_exams import bring_along
from ..urgency.lanes import score_terms, turn_due
from .probes import Probe
from .statements import claim_best, looked_at

SUGGESTED_POINTS = 0.5
"""A case that the rules suggest to this reader counts so much more for them."""

TEACHING_POINTS = 1.0
"""So does a teaching case for a trainee: they get it sooner, and nobody later than without trainees."""

FEW, MANY = 4, 160
"""Heads looked at in each lane: first few, and many when others hold all of those at this moment."""

CONSIDERED = 8
"""Other cases that are kept with the reason of a claim."""

_item = Kept[ReadingItem](lambda pk: ReadingItem.objects.select_related("procedure__order").filter(pk=pk))


def next_case(reader: User, *, actor: Actor, at: datetime) -> ReadingItem | None:
    """Claim the case that this reader should read now; None when there is none for them.

    Every hard filter is in the statement that claims, so of any number who ask at once no two get the same.
    Who the reader is (roles, skills, shift) is read just before, outside of the transaction, which is then so
    short that many can ask at once on SQLite too. Raises Forbidden without the role; Conflict off shift, or when
    the reader holds as many cases as allowed.
    """
    asking = asking_now(reader, at)
    if asking.turns_due:
        turn_due(at)
    probes, values = question(asking, at)
    with _in_turn(), transaction.atomic():
        lock_name(f"reader:{reader.pk}")  # or two who ask at once could each see room for one more
        item_id = claim_best(probes, values, deep=FEW) or claim_best(probes, values, deep=MANY)
        if item_id is None:
            refuse_full(reader, 0.0)
            return None
        item = _item.first(item_id)
        assert item is not None  # it was claimed in this transaction
        rest = looked_at(probes, values, most=CONSIDERED)
        insert(_why(item, asking.reader, rest, at))
        say(item, ItemClaimed(stream=item.accession, at=at, item_id=item_id, reader_id=reader.pk), actor)
        bring_along(item, reader=reader, asking=asking.reader, actor=actor, at=at)
        return item


def _why(item: ReadingItem, asking: ReaderNow, rest: list[tuple[int, float, str]], at: datetime) -> Decision:
    """What made it the best for this reader at this moment, and what else stood there, for *explain*."""
    terms = score_terms(item, at)
    if item.assigned_to_id == asking.id:
        terms["suggested to the reader"] = SUGGESTED_POINTS
    if item.teaching and asking.trainee:
        terms["teaching case"] = TEACHING_POINTS
    body = {
        "cause": "next case",
        "terms": terms,
        "held": asking.held,
        "minutes": asking.held_minutes,
        "considered": [[pk, round(score, 3), against] for pk, score, against in rest],
    }
    return Decision(item=item, kind=Decision.CLAIMED, at=at, reader_id=asking.id, body=body)


_turn = threading.Lock()


@contextmanager
def _in_turn() -> Iterator[None]:
    """On SQLite, one after another: those who wait at the database itself sleep, and some of 64 would starve."""
    if connection.vendor == "postgresql":
        yield
        return
    with _turn:
        yield


def question(asking: Asking, at: datetime) -> tuple[list[Probe], dict[str, Any]]:
    """Where to look, and what the statement filters by. Raises Forbidden, Conflict (see :func:`next_case`)."""
    reader = asking.reader
    if not reader.sites:
        raise errors.Forbidden("Your role does not include reading cases at any site.", code="role")
    left = reader.minutes_left
    if left is None:
        if not asking.no_roster:
            raise errors.Conflict(
                "You are not on shift now; pick a case from the list, or change the roster.", code="off-shift"
            )
        left = 1e9  # a house without a roster: everybody is on
    values: dict[str, Any] = {
        "reader": reader.id,
        "can_sign": reader.can_sign,
        "trainee": reader.trainee,
        "team": reader.team,
        "at": connection.ops.adapt_datetimefield_value(at),
        "lease_until": connection.ops.adapt_datetimefield_value(at + LEASE),
        "minutes": minutes(at),
        "pace": reader.pace,
        "minutes_left": left + OVERTIME_MINUTES,
        "most_claims": reader.most_claims,
        "most_minutes": reader.most_minutes,
        "suggested": SUGGESTED_POINTS,
        "teaching": TEACHING_POINTS,
        "sites": _sites_of(reader),
        "excluded": _conflicting(reader) if asking.conflicts else [],
    }
    return probes_of(reader, at.date()), values


def probes_of(reader: ReaderNow, day: date) -> list[Probe]:
    """Where this reader may look before cases are for everybody: in the lanes of their own skills."""
    found = []
    for skill in reader.skills:
        if reader.shift_pools is not None and skill.pool not in reader.shift_pools:
            continue
        narrowed = {
            "modalities": _words(skill.modalities),
            "regions": _words(skill.regions),
            "born_after": "" if skill.oldest is None else _years_before(day, skill.oldest + 1),
            "born_until": "" if skill.youngest is None else _years_before(day, skill.youngest),
        }
        lanes = (PRIMARY, SECONDARY) if skill.level == 1 else (SECONDARY,)
        found += [Probe(skill.pool, lane, **narrowed) for lane in lanes]
    if reader.shift_pools is None:  # what no subspecialty is known of
        found += [Probe(0, PRIMARY), Probe(0, SECONDARY)]
    return found


def _words(values: frozenset[str]) -> str:
    return f",{','.join(sorted(values))}," if values else ""


def _years_before(day: date, years: int) -> str:
    """The last day of birth of somebody who is so old on ``day``."""
    try:
        return day.replace(year=day.year - years).isoformat()
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28).isoformat()


def _sites_of(reader: ReaderNow) -> list[int]:
    sites = reader.sites - reader.unlicensed
    return sorted(sites if reader.shift_sites is None else sites & reader.shift_sites)


def _conflicting(reader: ReaderNow) -> list[int]:
    """Waiting items that the reader ordered, or whose patient is too close. Nearly always none."""
    waiting = ReadingItem.objects.filter(lane__isnull=False)
    own = waiting.filter(procedure__order__referrer=reader.id).values_list("pk", flat=True)
    patients = list(Conflict.objects.filter(reader=reader.id).values_list("patient", flat=True))
    near = waiting.filter(procedure__order__patient__in=patients).values_list("pk", flat=True) if patients else ()
    return [*own, *near]
