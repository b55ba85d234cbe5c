"""The next case: chosen by the server, at the moment it is asked, and claimed in the same statement."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from ris.audit.services import Actor
from ris.kernel import errors
from ris.kernel.db.prepared import fetch
from ris.kernel.db.statements import insert
from ris.kernel.db.transactions import lock_name
from ris.people.models import User
from worklist.events import ItemClaimed
from worklist.models import Conflict, Decision, ReadingItem
from worklist.rules.eligibility import OVERTIME_MINUTES, ReaderNow
from worklist.rules.policy import URGENT_FROM, Policy
from worklist.rules.score import minutes

from ..claims.claim import LEASE, claim_linked_exams, publish, require_room
from ..urgency.item_price import advance_lanes, score_terms
from .postgresql import postgresql_claim, postgresql_heads
from .probes import Probe, Requester, probes_of, requester_now, skill_probes
from .sqlite import sqlite_claim, sqlite_heads

SUGGESTED_POINTS = 0.5
"""A case that the rules suggest to this reader counts so much more for them."""

TEACHING_POINTS = 1.0
"""So does a teaching case for a trainee: they get it sooner, and nobody later than without trainees."""

FEW, MANY = 4, 160
"""Heads looked at in each lane: first few, and many when others hold all of those at this moment."""

CONSIDERED = 8
"""Other cases that are kept with the reason of a claim."""


def next_case(reader: User, *, actor: Actor, at: datetime) -> ReadingItem | None:
    """Claim the case that this reader should read now; None when there is none for them.

    Every hard filter is in the statement that claims, so of any number who ask at once no two get the same.
    Who the reader is (roles, skills, shift) is read just before, outside of the transaction, which is then so
    short that many can ask at once on SQLite too. Raises Forbidden without the role; Conflict off shift, or when
    the reader holds as many cases as allowed.
    """
    requester = requester_now(reader, at)
    if requester.turns_due:
        advance_lanes(at)
    probes, values = question(requester, at)
    with _in_turn(), transaction.atomic():
        lock_name(f"reader:{reader.pk}")  # or two who ask at once could each see room for one more
        item_id = claim_best(probes, values, deep=FEW) or claim_best(probes, values, deep=MANY)
        if item_id is None:
            require_room(reader, 0.0)
            return None
        item = ReadingItem.objects.select_related("procedure__order").get(pk=item_id)  # claimed in this transaction
        rest = best_heads(probes, values, most=CONSIDERED)
        insert(_why(item, requester.reader, requester.policy, rest, at))
        publish(item, ItemClaimed(stream=item.accession, at=at, item_id=item_id, reader_id=reader.pk), actor)
        claim_linked_exams(item, reader=reader, reader_now=requester.reader, actor=actor, at=at)
        return item


def _why(
    item: ReadingItem, reader: ReaderNow, policy: Policy, rest: list[tuple[int, float, str]], at: datetime
) -> Decision:
    """What made it the best for this reader at this moment, and what else stood there, for *explain*."""
    item.policy = policy  # or its terms would ask the database once more which numbers are in force
    terms = score_terms(item, at)
    if item.assigned_to_id == reader.id:
        terms["suggested to the reader"] = SUGGESTED_POINTS
    if item.teaching and reader.trainee:
        terms["teaching case"] = TEACHING_POINTS
    if item.pool and item.pool not in {skill.pool for skill in reader.skills if skill.level == 1}:
        terms["not their primary skill"] = -policy.off_skill_points(item.weight)
    body = {
        "cause": "next case",
        "terms": terms,
        "held": reader.held,
        "minutes": reader.held_minutes,
        "considered": [[pk, round(score, 3), against] for pk, score, against in rest],
    }
    return Decision(item=item, kind=Decision.CLAIMED, at=at, reader_id=reader.id, body=body)


_turn = threading.Lock()


@contextmanager
def _in_turn() -> Iterator[None]:
    """On SQLite, one after another: those who wait at the database itself sleep, and some of 64 would starve."""
    if connection.vendor == "postgresql":
        yield
        return
    with _turn:
        yield


def question(requester: Requester, at: datetime) -> tuple[list[Probe], dict[str, Any]]:
    """Where to look, and what the statement filters by. Raises Forbidden, Conflict (see :func:`next_case`)."""
    reader = requester.reader
    if not reader.sites:
        raise errors.Forbidden("Your role does not include reading cases at any site.", code="role")
    left = reader.minutes_left
    if left is None:
        if not requester.no_roster:
            raise errors.Conflict(
                "You are not on shift now; pick a case from the list, or change the roster.", code="off-shift"
            )
        left = 1e9  # a house without a roster: everybody is on
    policy = requester.policy
    values: dict[str, Any] = {
        "reader": reader.id,
        "can_sign": reader.can_sign,
        "trainee": reader.trainee,
        "team": reader.team,
        "at": connection.ops.adapt_datetimefield_value(at),
        "today": at.date().isoformat(),
        "lease_until": connection.ops.adapt_datetimefield_value(at + LEASE),
        "minutes": minutes(at),
        "pace": reader.pace,
        "minutes_left": left + OVERTIME_MINUTES,
        "most_claims": reader.most_claims,
        "most_minutes": reader.most_minutes,
        "suggested": SUGGESTED_POINTS,
        "teaching": TEACHING_POINTS,
        "urgent_from": URGENT_FROM,
        "off_skill": policy.off_skill_points(0.0),
        "off_skill_urgent": policy.off_skill_points(URGENT_FROM),
        "primary": sorted({0} | {skill.pool for skill in reader.skills if skill.level == 1}),
        "sites": _sites_of(reader),
        "own": skill_probes(reader, at.date()),
        "excluded": _conflicting(reader) if requester.conflicts else [],
    }
    return probes_of(reader, at.date()), values


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


HEADS_SHOWN = 3
"""Heads of each lane from which the reason of a claim is taken."""


def claim_best(probes: Sequence[Probe], values: dict[str, Any], *, deep: int) -> int | None:
    """Claim the best item that the probes find and the filters in ``values`` let pass; its id, or None.

    None too when the reader holds ``most_claims`` already. Cases that have spilled to everybody are looked at
    whatever the probes. ``deep``: how many heads of each lane.
    """
    if not values["sites"]:
        return None
    claim = postgresql_claim if connection.vendor == "postgresql" else sqlite_claim
    rows = fetch(*claim(probes, values, deep))
    return rows[0][0] if rows else None


def best_heads(
    probes: Sequence[Probe], values: dict[str, Any], *, most: int, deep: int = HEADS_SHOWN
) -> list[tuple[int, float, str]]:
    """(item, score, what rules it out) of the best that still stand in the lanes that :func:`claim_best` looks at."""
    heads = postgresql_heads if connection.vendor == "postgresql" else sqlite_heads
    return fetch(*heads(probes, values, deep, most))
