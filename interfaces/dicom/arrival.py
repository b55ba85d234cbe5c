"""Images arrive: learnt by asking archives, or told by them (IAN in ``ian``, a callback in ``api``)."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db.models import QuerySet

from ris.audit.actor import Actor
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.orders import states
from ris.orders.models import PerformedStep, Study
from ris.orders.services import note_images

from .archives import FoundStudy, studies
from .models import Archive
from .remote import Unreachable

log = structlog.get_logger(__name__)

ASKED_FOR = timedelta(days=3)
"""How long after an exam its images are asked for. After that their absence is an exception, not a question."""
OVERDUE = timedelta(hours=1)
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
    """Completed exams of which, an hour later, nothing has come: for a person to look at."""
    seen = Study.objects.values("study_uid")
    done = PerformedStep.objects.filter(state=states.COMPLETED, ended_at__lt=at - OVERDUE)
    return done.exclude(study_uid__in=seen).order_by("ended_at")


def poll(*, at: datetime) -> int:
    """Ask each archive that is polled for the awaited studies; return how many were seen."""
    uids = list(dict.fromkeys(awaited(at=at).values_list("study_uid", flat=True)))[:MOST_AT_ONCE]
    seen = 0
    for archive in Archive.objects.filter(enabled=True).exclude(poll=""):
        if not uids:
            break
        try:
            for uid in uids:
                for found in studies(archive, StudyInstanceUID=uid):
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
