"""The round that finds what time has brought about. Any number may go round at once; each thing happens once."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from ris.catalog.models import Site, Subspecialty
from ris.kernel import doorbell
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.models import Alarm
from worklist import states
from worklist.events import WORKLIST_BELL
from worklist.models import AwaitedImages, Offer, ReadingItem, SiteReading
from worklist.rules.eligibility import ReaderNow
from worklist.selectors.coverage import gaps_ahead
from worklist.selectors.readers import readers_now

from .assignment import lapse_due, suggest_reader
from .claims.deferral import resume_due
from .claims.leases import expire_leases
from .escalation import climb_due_rungs, widen_uncovered
from .items import IMAGES_MISSING, missing_images_subject, open_if_readable, stop_awaiting
from .list_entries import write_missing_entries
from .urgency.item_price import advance_lanes
from .urgency.updates import expire_ai

SUGGEST_AGAIN = timedelta(minutes=5)
"""A waiting case whose suggested reader has left, or that has none, is looked at again so often."""


def sweep_all(*, at: datetime) -> dict[str, int]:
    """One round; how many of each there were."""
    readers = readers_now(at)  # once for the three steps that need them
    # In this order: what a lease or a parking gives back is suggested to somebody in the same round.
    done = {
        "expired": expire_leases(at),
        "resumed": resume_due(at),
        "turned": advance_lanes(at),
        "ai results expired": expire_ai(at),
        "climbed": climb_due_rungs(at),
        "widened": widen_uncovered(at, readers),
        "offers lapsed": lapse_due(at),
        "images missing": alarm_missing_images(at),
        "moved on": reassign_from_leaving_readers(at, readers),
        "suggested": suggest_unassigned(at, readers),
        "listed": write_missing_entries(),
    }
    if any(done.values()):
        doorbell.ring(WORKLIST_BELL)
    return done


MOST_MOMENTS = 200
"""Rows whose moments are read ahead; what is beyond them is found by the next sweep."""


def moments_ahead(at: datetime, within: timedelta) -> list[datetime]:
    """The whole seconds, within a time, at which a rung is reached, a lane turns or an offer lapses; in order."""
    items, until = ReadingItem.objects.filter(state__in=states.OPEN), at + within
    rows = [
        *items.filter(next_rung_at__gt=at, next_rung_at__lte=until).values_list("next_rung_at", flat=True)[
            :MOST_MOMENTS
        ],
        *items.filter(turns_at__gt=at, turns_at__lte=until).values_list("turns_at", flat=True)[:MOST_MOMENTS],
        *Offer.objects.filter(outcome=Offer.OPEN, until__gt=at, until__lte=until).values_list("until", flat=True),
    ]
    # Rounded up: a task that runs within the second before its moment would find nothing due.
    second = timedelta(seconds=1)
    return sorted({moment.replace(microsecond=0) + second for moment in rows if moment is not None})


def keep_time(*, at: datetime) -> int:
    """What is due at a moment by the clock alone: rungs, lanes, offers. How many of each together."""
    done = climb_due_rungs(at) + advance_lanes(at) + lapse_due(at)
    if done:
        doorbell.ring(WORKLIST_BELL)
    return done


LEAVING = timedelta(minutes=30)
"""So long before the end of their shift, what waits with a reader is suggested to others."""


def reassign_from_leaving_readers(at: datetime, readers: list[ReaderNow]) -> int:
    """Suggest to others, once for each shift's end, what waits with readers who leave soon; how many found one.

    What nobody else is there for is without a suggestion until it is looked at again.
    """
    ends = {row.id: at + timedelta(minutes=row.minutes_left) for row in readers if row.minutes_left is not None}
    leaving = {pk: end - LEAVING for pk, end in ends.items() if end - LEAVING <= at}
    staying = [row for row in readers if row.id not in leaving]
    moved = 0
    for reader_id, since in leaving.items():
        theirs = ReadingItem.objects.filter(assigned_to=reader_id, state__in=states.WAITING, assigned_at__lt=since)
        waiting = theirs.exclude(reserved_for=reader_id).order_by("urgency", "due_at")
        for pk in list(waiting.values_list("pk", flat=True)):
            moved += suggest_reader(pk, at=at, readers=staying) is not None
    return moved


UNCOVERED_ALARM = "uncovered"
HOURS_AHEAD = 24


def alarm_uncovered_hours(*, at: datetime) -> int:
    """Alarm each site and subspecialty with an hour ahead that nobody covers, clear those that are covered again."""
    gaps: dict[str, list[str]] = {}
    names = {pool.pk: pool.code for pool in Subspecialty.objects.all()}
    sites = {site.pk: site.code for site in Site.objects.all()}
    for cell in gaps_ahead(at, hours=HOURS_AHEAD):
        subject = f"{sites[cell.site_id]}: {names[cell.pool]} {cell.modality}"
        gaps.setdefault(subject, []).append(f"{cell.start:%a %H}")
    open_alarms = set(Alarm.objects.filter(kind=UNCOVERED_ALARM, cleared_at=None).values_list("subject", flat=True))
    for subject, hours in gaps.items():
        if subject not in open_alarms:
            raise_alarm(UNCOVERED_ALARM, subject, detail=f"hours (UTC): {', '.join(hours)}", at=at)
    for subject in open_alarms - set(gaps):
        clear_alarm(UNCOVERED_ALARM, subject, at=at)
    return len(gaps)


def suggest_unassigned(at: datetime, readers: list[ReaderNow], *, limit: int = 200) -> int:
    """Suggest a reader for waiting cases that have none on shift; how many got one."""
    if not readers:
        return 0
    here = [reader.id for reader in readers]
    without = Q(assigned_to__isnull=True) | ~Q(assigned_to__in=here)
    old = Q(assigned_at__isnull=True) | Q(assigned_at__lte=at - SUGGEST_AGAIN)
    waiting = ReadingItem.objects.filter(without & old, state__in=states.WAITING, lane__isnull=False)
    suggested = 0
    for pk in list(waiting.order_by("urgency", "due_at").values_list("pk", flat=True)[:limit]):
        suggested += suggest_reader(pk, at=at, readers=readers) is not None
    return suggested


MOST_EXAMS = 200
"""Exams that one sweep looks at for each site; the next sweep takes the others."""


def alarm_missing_images(at: datetime) -> int:
    """Alarm the exams whose images are late, each once; how many. Open those whose site waits for images no more."""
    waiting_sites = SiteReading.objects.exclude(opens_on=SiteReading.COMPLETED)
    over = AwaitedImages.objects.filter(
        ~Q(site__in=waiting_sites.values("site")) | Q(procedure__reading_item__isnull=False)
    )
    for row in list(over.order_by("since")[:MOST_EXAMS]):
        with transaction.atomic():
            stop_awaiting(row.procedure_id, at=at)
            open_if_readable(row.procedure_id, exam_done=True, at=at)
    missing = 0
    for setting in waiting_sites:
        late = AwaitedImages.objects.filter(
            site=setting.site_id, alarmed_at=None, since__lte=at - timedelta(minutes=setting.images_within)
        )
        for row in late.select_related("procedure__order").order_by("since")[:MOST_EXAMS]:
            missing += _alarm(row, at)
    return missing


@transaction.atomic
def _alarm(row: AwaitedImages, at: datetime) -> bool:
    if not AwaitedImages.objects.filter(pk=row.pk, alarmed_at=None).update(alarmed_at=at):
        return False  # another sweep did, or they came
    raise_alarm(IMAGES_MISSING, missing_images_subject(row), detail=f"exam done {row.since:%Y-%m-%d %H:%M} UTC", at=at)
    return True
