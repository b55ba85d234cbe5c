"""What came of it when a check spoke: kept when a signature is refused, settled by saves and by the signature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from django.db import transaction

from ..checks import Remark, Unanswered, first_of_each, rules_version
from ..checks.text import HINT
from ..models import Firing, Override, Report

EDITED_WITHIN = timedelta(seconds=60)
"""Of the remark: a change of its words that comes later is not counted as its doing."""
P = ParamSpec("P")
R = TypeVar("R")


def keeps_firings(service: Callable[P, R]) -> Callable[P, R]:
    """Around a service that signs: keep which checks refused it.

    It goes around the service's transaction: a refusal rolls that back, and would roll back these rows with it.
    The service takes ``at`` by name.
    """

    @wraps(service)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return service(*args, **kwargs)
        except Unanswered as refusal:
            _open_firings(refusal, at=cast(datetime, kwargs["at"]))
            raise

    return inner


@transaction.atomic
def _open_firings(refusal: Unanswered, *, at: datetime) -> None:
    # The report's row first, as saves and signatures do: of two who come at once one waits, and none for the other.
    Report.objects.filter(pk=refusal.report_id).update(fired_at=at)
    report = Report.objects.select_related("item").get(pk=refusal.report_id)
    open_ = Firing.objects.filter(report=report, outcome=Firing.OPEN)
    for remark in refusal.remarks:
        # Shown again, it is still the same firing; the minute and the words are those of the last time.
        where = {"level": remark.level, "section": remark.section, "start": remark.start, "end": remark.end}
        if not open_.filter(check_name=remark.check).update(at=at, rules=rules_version(), **where):
            _firing(report, remark, at).save(force_insert=True)


def _firing(report: Report, remark: Remark, at: datetime) -> Firing:
    return Firing(
        report=report, site_id=report.item.site_id, check_name=remark.check, level=remark.level, at=at,
        section=remark.section, start=remark.start, end=remark.end, rules=rules_version(),
    )  # fmt: skip


def fired_lately(report: Report, at: datetime) -> bool:
    """Whether checks refused the report's signature so lately that a save may be the answer to it."""
    return report.fired_at is not None and at - report.fired_at <= EDITED_WITHIN


def settle_edited(report: Report, before: Mapping[str, str], after: Mapping[str, str], *, at: datetime) -> None:
    """Settle open firings whose words a save has changed; where they only moved, follow them.

    ``before`` and ``after``: the sections that were saved, by name. For a report that fired lately.
    """
    rows = Firing.objects.filter(
        report=report, outcome=Firing.OPEN, at__gte=at - EDITED_WITHIN, section__in=list(after)
    )
    edited, moved = [], []
    for row in rows:
        place = follow_words(before[row.section], after[row.section], row.start, row.end)
        if place is None:
            edited.append(row.pk)
        elif place != (row.start, row.end):
            row.start, row.end = place
            moved.append(row)
    if edited:
        rows.filter(pk__in=edited).update(outcome=Firing.EDITED, settled_at=at)
    if moved:
        Firing.objects.bulk_update(moved, ["start", "end"])


def follow_words(before: str, after: str, start: int, end: int) -> tuple[int, int] | None:
    """Where the words at ``start`` to ``end`` of a text stand after one change to it; None when they were changed.

    ``end`` 0: of the whole text; (0, 0) when it is the same but for white space at its ends.
    """
    if not end:
        return (0, 0) if before.strip() == after.strip() else None
    same = _same_characters(before, after)
    if end <= same:
        return start, end
    rest = min(len(before), len(after)) - same
    same_at_end = min(_same_characters(before[::-1], after[::-1]), rest)
    grown = len(after) - len(before)
    if start >= len(before) - same_at_end:
        return start + grown, end + grown
    # Changed on both sides at once: the words may still stand between, as they were.
    words = before[start:end]
    found = after.find(words, min(start, same), len(after) - min(same_at_end, len(before) - end))
    return (found, found + len(words)) if found >= 0 else None


def _same_characters(one: str, other: str) -> int:
    """How many characters two texts have in common before they differ."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def settle_signed(
    report: Report, listed: Iterable[Remark], overrides: Iterable[Override], *, at: datetime
) -> None:  # fmt: skip
    """Settle what checks said of a report that is signed now: overridden, signed unchanged, or no longer said.

    No longer said within a minute counts as edited, too: what a check spoke of can be put right in another section.
    """
    # A check that wanted a reason is kept as such, though a hint of its own stood before.
    spoke = first_of_each(sorted(listed, key=lambda remark: remark.level == HINT))
    reasons = {row.check_name: row for row in overrides}
    rows = [*Firing.objects.filter(report=report, outcome=Firing.OPEN)] if report.fired_at else []
    known = {row.check_name for row in rows}
    made = [_firing(report, remark, at) for name, remark in spoke.items() if name not in known]
    for row in [*rows, *made]:
        row.settled_at, row.override = at, reasons.get(row.check_name)
        if row.override is not None:
            row.outcome = Firing.OVERRIDDEN
        elif row.check_name in spoke:
            row.outcome = Firing.UNCHANGED
        else:
            row.outcome = Firing.EDITED if at - row.at <= EDITED_WITHIN else Firing.LEFT
    if rows:
        Firing.objects.bulk_update(rows, ["settled_at", "override", "outcome"])
    if made:
        Firing.objects.bulk_create(made)
