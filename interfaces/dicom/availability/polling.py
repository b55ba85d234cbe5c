"""Images arrive: learnt by asking archives, or told by them (IAN in ``ian``, a callback in ``api``)."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db.models import Q, QuerySet

from ris.audit.actor import Actor
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.models import Alarm
from ris.orders import states
from ris.orders.models import PerformedStep, Study
from ris.orders.services import note_images
from worklist.models import SiteReading

from ..models import Archive
from ..scu.association import Unreachable
from ..scu.query_retrieve import FoundStudy, find_studies

log = structlog.get_logger(__name__)

ASKED_FOR = timedelta(days=3)
"""How long after an exam its images are asked for. After that their absence is an exception, not a question."""
LOOKED_FOR = timedelta(days=30)
"""An exam whose images have not come by then is history."""
MISSING, UNKNOWN_SITE = "images-never-came", "devices unknown here"
ALARM = "archive-unreachable"
MOST_AT_ONCE = 200


def awaited(*, at: datetime) -> QuerySet[PerformedStep]:
    """Exams that ended lately and whose study is not known to be whole."""
    whole = Study.objects.filter(complete_at__isnull=False).values("study_uid")
    ended = PerformedStep.objects.filter(
        state__in=[states.COMPLETED, states.DISCONTINUED], ended_at__gte=at - ASKED_FOR
    ).exclude(study_uid="")
    return ended.exclude(study_uid__in=whole).order_by("ended_at")


def missing_images(*, at: datetime) -> QuerySet[PerformedStep]:
    """Completed exams of which nothing has come within the minutes that their site allows, for a person to look at.

    Exams of more than a month ago, and those of which a person said that no images are expected, are left out. None
    where nobody tells of images: no archive is asked or calls back, and no study was heard of lately.
    """
    if not _is_told_of_images(at):
        return PerformedStep.objects.none()
    done = PerformedStep.objects.filter(state=states.COMPLETED, ended_at__gte=at - LOOKED_FOR, no_images=None)
    return done.filter(_overdue(at)).exclude(study_uid__in=Study.objects.values("study_uid")).order_by("ended_at")


def _is_told_of_images(at: datetime) -> bool:
    telling = Archive.objects.filter(enabled=True).exclude(poll="", webhook_digest="")
    return telling.exists() or Study.objects.filter(first_seen_at__gte=at - LOOKED_FOR).exists()


def _overdue(at: datetime) -> Q:
    """Ended longer ago than the site of the device gives images (``SiteReading.images_within``, else its default)."""
    usual = at - timedelta(minutes=SiteReading().images_within)
    own = SiteReading.objects.values_list("site", "images_within")
    late = Q(ended_at__lt=usual) & (Q(device=None) | ~Q(device__site__in=[site for site, _ in own]))
    for site, minutes in own:
        late |= Q(device__site=site, ended_at__lt=at - timedelta(minutes=minutes))
    return late


def alarm_missing(*, at: datetime) -> int:
    """One alarm for each site that misses images, with how many exams; over when they came. Returns how many exams.

    Exams that cannot be read before their images are there are alarmed by the worklist, each by itself.
    """
    counted: dict[str, list[datetime]] = {}
    missing = missing_images(at=at).exclude(steps__procedure__awaited_images__isnull=False)
    for _, site, ended in missing.values_list("pk", "device__site__code", "ended_at").distinct():
        if ended is not None:  # the query asks for no other
            counted.setdefault(site or UNKNOWN_SITE, []).append(ended)
    open_ = dict(Alarm.objects.filter(kind=MISSING, cleared_at=None).values_list("subject", "detail"))
    for site, ends in counted.items():
        detail = f"exams without images: {len(ends)}, the oldest ended {min(ends):%Y-%m-%d %H:%M} UTC"
        if open_.get(site) != detail:
            raise_alarm(MISSING, site, detail=detail, at=at)
    for site in set(open_) - set(counted):
        clear_alarm(MISSING, site, at=at)
    return sum(map(len, counted.values()))


def poll(*, at: datetime) -> int:
    """Ask each archive that is polled for the awaited studies; return how many were seen."""
    uids = list(dict.fromkeys(awaited(at=at).values_list("study_uid", flat=True)))[:MOST_AT_ONCE]
    seen = 0
    for archive in Archive.objects.filter(enabled=True).exclude(poll=""):
        if not uids:
            break
        try:
            for uid in uids:
                for found in find_studies(archive, StudyInstanceUID=uid):
                    note(archive, found, at=at)
                    seen += 1
        except Unreachable as error:
            raise_alarm(ALARM, archive.name, detail=str(error), at=at)
            log.warning("dicom.archive-unreachable", archive=archive.name)
        else:
            clear_alarm(ALARM, archive.name, at=at)
    return seen


def note(archive: Archive, found: FoundStudy, *, at: datetime) -> Study:
    """Write down what an archive has of a study.

    It is whole when it holds as many objects as the device said it made, or, where the device said
    nothing, when its number has not grown since the last look.
    """
    expected = expected_instances(found.uid)
    before = Study.objects.filter(study_uid=found.uid).values_list("instances", flat=True).first()
    whole = found.instances >= expected if expected else before == found.instances and found.instances > 0
    return note_images(
        found.uid,
        instances=found.instances,
        complete=whole,
        retrieve_ae=archive.ae_title,
        actor=Actor.peer(archive.name, archive.host),
        at=at,
    )


def expected_instances(study_uid: str) -> int:
    """How many objects the devices said they made of a study; 0 when they did not say."""
    performed = PerformedStep.objects.filter(study_uid=study_uid).values_list("series", flat=True)
    return sum(one.get("images", 0) + one.get("others", 0) for series in performed for one in series)
