"""Archives are asked what has arrived (C-FIND, PS3.4 C.4.1; QIDO-RS), and exams whose images never came are listed."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db.models import Q, QuerySet

from ris.audit.services import Actor
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.models import Alarm
from ris.orders import states
from ris.orders.models import PerformedStep, Study
from worklist.models import SiteReading

from ..models import Archive
from ..scu.association import Unreachable
from ..scu.query_retrieve import FoundStudy, find_studies
from .arrivals import Notice, note_arrival
from .by_images import find_awaited_steps

log = structlog.get_logger(__name__)

ASKED_FOR = timedelta(days=3)
"""How long after an exam its images are asked for. After that their absence is an exception, not a question."""
LOOKED_FOR = timedelta(days=30)
"""An exam whose images have not come by then is history."""
MISSING, UNKNOWN_SITE = "images-never-came", "devices unknown here"
NO_ORDER = "images-without-order"
"""Alarm: images came of which no order is known; one for all of them."""
NO_ORDER_AFTER = timedelta(minutes=10)
"""The order of an emergency, or the MPPS of the exam, may come so much later than the first image."""
ALARM = "archive-unreachable"
MOST_AT_ONCE = 200
"""Studies of each kind that are asked for in one poll: bounds the time that one archive takes."""


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
    archives = Archive.objects.filter(enabled=True).exclude(poll="", webhook_digest="")
    return archives.exists() or Study.objects.filter(first_seen_at__gte=at - LOOKED_FOR).exists()


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
    _alarm_without_order(at)
    return sum(map(len, counted.values()))


def _alarm_without_order(at: datetime) -> None:
    without = Study.objects.filter(procedure=None, first_seen_at__lte=at - NO_ORDER_AFTER)
    count = without.filter(first_seen_at__gte=at - LOOKED_FOR).count()
    detail = f"studies without an order: {count}"
    alarm = Alarm.objects.filter(kind=NO_ORDER, cleared_at=None).first()
    if count and (alarm is None or alarm.detail != detail):
        raise_alarm(NO_ORDER, "archives", detail=detail, at=at)
    elif not count:
        clear_alarm(NO_ORDER, "archives", at=at)


def poll_archives(*, at: datetime) -> int:
    """Ask each archive that is polled for the awaited studies; return how many were found.

    Awaited are studies of ended exams, exams of devices that send no MPPS, and what is not known of images without
    an order. The first failure ends an archive's turn and raises an alarm; other archives are asked all the same.
    """
    questions = _list_questions(at)
    study_count = 0
    for archive in Archive.objects.filter(enabled=True).exclude(poll="") if questions else []:
        try:
            for question in questions:
                for study in find_studies(archive, **question):
                    note_archive_study(archive, study, at=at)
                    study_count += 1
        except Unreachable as error:
            raise_alarm(ALARM, archive.name, detail=str(error), at=at)
            log.warning("dicom.archive-unreachable", archive=archive.name)
        else:
            clear_alarm(ALARM, archive.name, at=at)
    return study_count


def _list_questions(at: datetime) -> list[dict[str, str]]:
    """The keys of each C-FIND or QIDO-RS query, the same one once."""
    uids = list(awaited(at=at).values_list("study_uid", flat=True)[:MOST_AT_ONCE])
    unknown = Study.objects.filter(procedure=None, patient_number="", first_seen_at__gte=at - ASKED_FOR)
    uids += unknown.order_by("-first_seen_at").values_list("study_uid", flat=True)[:MOST_AT_ONCE]
    steps = list(find_awaited_steps(at=at)[:MOST_AT_ONCE])
    uids += [step.procedure.image_study_uid for step in steps]
    accessions = [step.procedure.order.accession for step in steps]  # a device may make a study of its own
    by_uid = [{"StudyInstanceUID": uid} for uid in dict.fromkeys(uids)]
    return by_uid + [{"AccessionNumber": accession} for accession in dict.fromkeys(accessions)]


def note_archive_study(archive: Archive, study: FoundStudy, *, at: datetime) -> Study:
    """Write down what an archive has of a study.

    It shows that a study is all there when the number of its objects has not grown since the last look.
    """
    before = Study.objects.filter(study_uid=study.uid).values_list("instances", flat=True).first()
    notice = Notice(
        study_uid=study.uid,
        instances=study.instances,
        says_complete=before == study.instances and study.instances > 0,
        retrieve_ae=archive.ae_title,
        found=study,
        patient=study.patient,
    )
    return note_arrival(notice, actor=Actor.peer(archive.name, archive.host), at=at)
