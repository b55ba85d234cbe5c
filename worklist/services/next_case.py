"""The next case: chosen by the server, at the moment it is asked, and claimed in the same statement."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from ris.audit.actor import Actor
from ris.catalog.models import Subspecialty
from ris.kernel import errors
from ris.kernel.locks import lock_name
from ris.people.models import User
from worklist.events import ItemClaimed
from worklist.models import Conflict, Decision, ReadingItem, Shift
from worklist.rules.eligible import OVERTIME_MINUTES, ReaderNow
from worklist.rules.lanes import POOL, PRIMARY, SECONDARY, minutes
from worklist.selectors.readers import reader_now

from .claims import LEASE, refuse_full, say
from .next_sql import Probe, claim_best
from .places import score_terms, turn_due

SUGGESTED_POINTS = 0.5
"""A case that the rules suggest to this reader counts so much more for them."""

TEACHING_POINTS = 1.0
"""So does a teaching case for a trainee: they get it sooner, and nobody later than without trainees."""

FEW, MANY = 2, 80
"""Heads looked at in each lane: first few, and many when others hold all of those at this moment."""


def next_case(reader: User, *, actor: Actor, at: datetime) -> ReadingItem | None:
    """Claim the case that this reader should read now; None when there is none for them.

    Every hard filter is in the statement that claims, so of any number who ask at once no two get the same.
    Who the reader is (roles, skills, shift) is read just before, outside of the transaction, which is then so
    short that many can ask at once on SQLite too. Raises Forbidden without the role; Conflict off shift, or when
    the reader holds as many cases as allowed.
    """
    if ReadingItem.objects.filter(turns_at__lte=at, lane__isnull=False).exists():
        turn_due(at)
    asking = _asking(reader, at)
    probes, values = _question(asking, at)
    with _in_turn(), transaction.atomic():
        lock_name(f"reader:{reader.pk}")
        refuse_full(reader, 0.0)
        item_id = claim_best(probes, values | {"deep": FEW}) or claim_best(probes, values | {"deep": MANY})
        if item_id is None:
            return None
        item = ReadingItem.objects.select_related("procedure__order__patient").get(pk=item_id)
        _keep_why(item, asking, at)
        return say(item, ItemClaimed(stream=item.accession, at=at, item_id=item_id, reader_id=reader.pk), actor)


def _keep_why(item: ReadingItem, asking: ReaderNow, at: datetime) -> None:
    """What made it the best for this reader at this moment, for *explain*."""
    terms = score_terms(item, at)
    if item.assigned_to_id == asking.id:
        terms["suggested to the reader"] = SUGGESTED_POINTS
    if item.teaching and asking.trainee:
        terms["teaching case"] = TEACHING_POINTS
    body = {"cause": "next case", "terms": terms, "held": asking.held}
    Decision.objects.create(item=item, kind=Decision.CLAIMED, at=at, reader_id=asking.id, body=body)


_turn = threading.Lock()


@contextmanager
def _in_turn() -> Iterator[None]:
    """On SQLite, one after another: those who wait at the database itself sleep, and some of 64 would starve."""
    if connection.vendor == "postgresql":
        yield
        return
    with _turn:
        yield


def _asking(reader: User, at: datetime) -> ReaderNow:
    asking = replace(reader_now(reader, at), present=True)  # whoever asks is here
    if not asking.sites:
        raise errors.Forbidden("Your role does not include reading cases at any site.", code="role")
    if asking.minutes_left is None:
        if Shift.objects.filter(active=True).exists():
            raise errors.Conflict(
                "You are not on shift now; pick a case from the list, or change the roster.", code="off-shift"
            )
        asking = replace(asking, minutes_left=float("inf"))  # a house without a roster: everybody is on
    return asking


def probes_of(reader: ReaderNow, pools: list[int]) -> list[Probe]:
    """Where this reader may look: own skills early, other pools once their cases are for everybody."""
    found = [
        Probe(
            skill.pool,
            PRIMARY if skill.level == 1 else SECONDARY,
            _words(skill.modalities),
            _words(skill.regions),
        )
        for skill in reader.skills
        if reader.shift_pools is None or skill.pool in reader.shift_pools
    ]
    everything = {probe.pool for probe in found if probe.reach == PRIMARY and not (probe.modalities or probe.regions)}
    found += [Probe(pool, PRIMARY if pool == 0 else POOL) for pool in pools if pool not in everything]
    return found


def _words(values: frozenset[str]) -> str:
    return f",{','.join(sorted(values))}," if values else ""


def _question(reader: ReaderNow, at: datetime) -> tuple[list[Probe], dict[str, Any]]:
    """Where to look, and what the statement filters by."""
    pools = [0, *Subspecialty.objects.values_list("pk", flat=True)]
    values: dict[str, Any] = {
        "reader": reader.id,
        "can_sign": reader.can_sign,
        "trainee": reader.trainee,
        "at": at,
        "lease_until": at + LEASE,
        "minutes": minutes(at),
        "pace": reader.pace,
        "minutes_left": min((reader.minutes_left or 0.0) + OVERTIME_MINUTES, 1e9),
        "minutes_free": reader.most_minutes - reader.held_minutes if reader.held else 1e9,
        "suggested": SUGGESTED_POINTS,
        "teaching": TEACHING_POINTS,
        "sites": _sites_of(reader),
        "excluded": _conflicting(reader),
    }
    return probes_of(reader, pools), values


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
