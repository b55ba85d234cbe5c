"""The past that *try it* plays again: cases with all that was learned of them, and when nobody could read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ris.kernel.errors import Invalid
from ris.kernel.models import Record
from ris.people.models import User
from worklist.events import ItemCancelled, ItemClaimed, ItemParked, ItemResumed
from worklist.models import AiFlag, ClockPause, Decision, ReaderProfile, ReadingItem, Skill
from worklist.rules.facts import NAMES, Facts
from worklist.rules.policy import Policy
from worklist.rules.pricing import Finding, promoted_points
from worklist.rules.score import minutes
from worklist.selectors.lead import of_open_patients
from worklist.simulation.engine import Reader

from ..roster import roster

MOST_CASES = 50_000
AT_ONCE = 2000
"""Cases whose later rows are read in one query."""


@dataclass(frozen=True, slots=True)
class Known:
    """A case as it was priced at a moment, and all that the rules knew of it then.

    ``case``: class points, reading, due, sla, points. A new one comes with each AI result, mark, priority, pause.
    """

    at: datetime
    facts: Facts
    case: dict[str, Any]
    urgency: int
    began_at: datetime
    paused: timedelta
    findings: tuple[Finding, ...] = ()

    def class_points(self, policy: Policy) -> float:
        """Points of its class, or of what an AI result promoted it to, by a policy."""
        points, due = policy.class_points(self.urgency), datetime.fromisoformat(self.case["due"])
        results = (finding.result_at for finding in self.findings if finding.positive)
        return max([points, *(promoted_points(result_at, due, policy) for result_at in results)])


@dataclass(frozen=True, slots=True)
class Past:
    """A case of the period. ``held``: when its clock stood still or it was parked, so that nobody could go on with it.

    ``reserved_for``: the only reader who was given it; ``by_rule``: it was a rule that said so. ``took``: minutes that
    reading it took. ``skill_needed``: the subspecialty that a rule asked for. ``visit_or_order``: the
    same of exams that are linked.
    """

    item_id: int
    accession: str
    site_zone: str
    opened_at: datetime
    pool: int
    known: tuple[Known, ...]
    held: tuple[tuple[datetime, datetime], ...]
    reserved_for: int | None
    by_rule: bool
    took: float
    skill_needed: int | None
    visit_or_order: tuple[str, int]


def past_cases(sites: Sequence[int], since: datetime, until: datetime, *, viewer: User | None = None) -> list[Past]:
    """The cases that were opened at the sites in the period, by when; at most MOST_CASES.

    For a viewer: without those of patients who are closed to them.
    """
    opened = Decision.objects.filter(
        kind=Decision.OPENED, item__site__in=sites, item__opened_at__gte=since, item__opened_at__lt=until
    )
    if viewer is not None:
        opened = of_open_patients(opened, viewer)
    rows = list(
        opened.select_related("item__procedure__order", "item__site").order_by("item__opened_at", "item")[:MOST_CASES]
    )
    found: list[Past] = []
    for begin in range(0, len(rows), AT_ONCE):
        found += _told(rows[begin : begin + AT_ONCE])
    return found


def _told(opened: list[Decision]) -> list[Past]:
    ids = [row.item_id for row in opened]
    later: dict[int, list[Decision]] = defaultdict(list)
    for row in Decision.objects.filter(item__in=ids, kind=Decision.RESCORED).order_by("at", "pk"):
        later[row.item_id].append(row)
    flags: dict[int, list[AiFlag]] = defaultdict(list)
    for flag in AiFlag.objects.filter(item__in=ids).order_by("result_at", "pk"):
        flags[flag.item_id].append(flag)
    held = _held(opened)
    return [_past(row, later[row.item_id], flags[row.item_id], held[row.item_id]) for row in opened]


def _held(opened: list[Decision]) -> dict[int, list[tuple[datetime, datetime]]]:
    """When nobody could go on with each item: its clock stood still, or it was parked. Parts that overlap are joined.

    A parked case comes back when it is resumed, claimed or cancelled. One that is parked still is played as waiting.
    """
    ids = [row.item_id for row in opened]
    spans: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    for pause in ClockPause.objects.filter(item__in=ids, until__isnull=False):
        spans[pause.item_id].append((pause.since, pause.until or pause.since))
    parked: dict[int, datetime] = {}
    facts = Record.objects.filter(stream__in={row.item.accession for row in opened}, kind__in=_PARKING).order_by("pk")
    for fact in facts:
        item_id = int(fact.body["item_id"])
        if fact.kind == ItemParked.kind:
            parked.setdefault(item_id, fact.at)
        elif item_id in parked:
            spans[item_id].append((parked.pop(item_id), fact.at))
    return defaultdict(list, {item_id: _joined(some) for item_id, some in spans.items()})


_PARKING = (ItemParked.kind, ItemResumed.kind, ItemClaimed.kind, ItemCancelled.kind)


def _joined(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    found: list[tuple[datetime, datetime]] = []
    for since, until in sorted(spans):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(until, found[-1][1]))
        else:
            found.append((since, until))
    return found


def _past(
    opened: Decision, later: list[Decision], flags: list[AiFlag], pauses: list[tuple[datetime, datetime]]
) -> Past:
    item, order = opened.item, opened.item.procedure.order
    return Past(
        item.pk,
        item.accession,
        item.site.time_zone,
        item.opened_at,
        item.pool,
        tuple(_known(row, item, flags) for row in (opened, *later)),
        tuple(pauses),
        item.reserved_for_id,
        "reserve" in opened.body["effects"],
        _took(item),
        item.skill_needed_id,
        ("visit", order.visit_id) if order.visit_id else ("order", order.pk),
    )


def _known(row: Decision, item: ReadingItem, flags: list[AiFlag]) -> Known:
    facts: dict[str, Any] = {
        name: tuple(value) if NAMES[name] is tuple else value
        for name, value in row.body["facts"].items()
        if name in NAMES
    }
    facts["reason"] = item.procedure.order.reason
    clock = row.body.get("clock", {})
    counted = (flag for flag in flags if flag.received_at <= row.at < flag.expires_at)
    return Known(
        row.at,
        Facts(**facts),
        row.body["case"],
        row.body["urgency"],
        datetime.fromisoformat(clock["began"]) if clock else item.opened_at,
        timedelta(minutes=clock.get("paused", 0.0)),
        tuple(Finding(flag.code, flag.positive, flag.ppv, flag.result_at) for flag in counted),
    )


def _took(item: ReadingItem) -> float:
    """From claim to signature, where that is believable; else what is expected.

    Of what was claimed along with a linked exam it is not: the other was read in that time, too.
    """
    if item.claimed_at and item.finished_at and item.claimed_with_id is None:
        spent = (item.finished_at - item.claimed_at) / timedelta(minutes=1)
        if 0.2 <= spent <= 8 * item.reading_minutes:
            return spent
    return item.reading_minutes


def readers_of_period(since: datetime, until: datetime) -> tuple[list[Reader], dict[int, int]]:
    """Who was on the roster, and their numbers. People go on for two days: the period's last cases are read, too."""
    spans: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for duty in roster().between(since, until + timedelta(days=2)):
        spans[duty.reader_id].append((minutes(duty.span.start), minutes(duty.span.end)))
    primary: dict[int, set[int]] = defaultdict(lambda: {0})
    secondary: dict[int, set[int]] = defaultdict(set)
    for skill in Skill.objects.filter(reader__in=spans):
        (primary if skill.level == Skill.PRIMARY else secondary)[skill.reader_id].add(skill.subspecialty_id)
    limits = {row.user_id: row for row in ReaderProfile.objects.filter(user__in=spans)}
    if not spans:
        raise Invalid("Nobody was on the roster in this period.", at="since")
    numbers = {pk: n for n, pk in enumerate(sorted(spans))}
    readers = []
    for pk, n in numbers.items():
        own, profile = sorted(spans[pk]), limits.get(pk, ReaderProfile())
        readers.append(
            Reader(
                n, frozenset(primary[pk]), own, frozenset(secondary[pk]), most_claims=profile.most_claims,
                most_minutes=float(profile.most_minutes),
            )
        )  # fmt: skip
    return readers, numbers
