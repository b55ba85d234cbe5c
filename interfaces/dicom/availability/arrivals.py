"""What is done with each notice of images, whoever brings it: whose they are, and whether they are all.

First object, part, whole, grown and withdrawn are different facts. A study is whole when it holds as many objects as
its devices said they made; where none said, when its archive says so or it has stopped growing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from ris.audit.services import Actor
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.db.transactions import lock_name
from ris.orders import states
from ris.orders.models import PerformedStep, RequestedProcedure, Study
from ris.orders.services import note_images
from ris.orders.services.placement import accession_within

from ..reconciliation.patient_check import DescribedPatient, find_patient_doubts
from ..scu.query_retrieve import FoundStudy
from .by_images import complete_by_images, match_by_accession

OTHER_PATIENT = "images-of-another-patient"
"""Alarm: an archive has the study of an order under another patient. Over when a person links it."""
QUIET = timedelta(minutes=5)
"""A study of which nobody says how many objects there will be is whole when none came for so long."""
MOST_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What an archive tells of a study. ``says_complete``: it says, or shows by not growing, that this is all."""

    study_uid: str
    instances: int
    says_complete: bool
    retrieve_ae: str = ""
    found: FoundStudy | None = None
    """What the archive has on it, where it was asked."""
    patient: DescribedPatient = field(default_factory=DescribedPatient)


@transaction.atomic
def note_arrival(notice: Notice, *, actor: Actor, at: datetime) -> Study:
    """Write down what an archive tells of a study, and complete the exam where its images are what completes it.

    Images that the archive has under another patient than the order's stay without an order, and are alarmed.
    """
    lock_name(f"study:{notice.study_uid}")  # before the look at what is known: notices of one study take turns
    doubts = _find_doubts(notice)
    study = note_images(
        notice.study_uid,
        instances=notice.instances,
        complete=_is_whole(notice),
        retrieve_ae=notice.retrieve_ae[:16],
        attach=not doubts,
        actor=actor,
        at=at,
    )
    if notice.found is not None:
        _keep_description(study, notice.found, notice.patient)
    if doubts:
        raise_alarm(OTHER_PATIENT, study.study_uid, detail=", ".join(doubts), at=at)
        return study
    if study.procedure is None and notice.found is not None:
        match_by_accession(study, notice.patient, actor=actor, at=at)
        study.refresh_from_db()
    complete_by_images(study, actor=actor, at=at)
    return study


def clear_image_alarm(study: Study, *, at: datetime) -> None:
    """A person said whose images these are."""
    clear_alarm(OTHER_PATIENT, study.study_uid, at=at)


def _find_doubts(notice: Notice) -> list[str]:
    """Why the images may be of another patient than the order's; empty where the archive does not say whose."""
    study = Study.objects.filter(study_uid=notice.study_uid).first()
    if study is not None and study.procedure is not None:
        return []  # known before; a person may have decided
    either = Q(study_uid=notice.study_uid) | Q(performed_study_uid=notice.study_uid)
    procedure = RequestedProcedure.objects.select_related("order__patient").filter(either).first()
    return find_patient_doubts(notice.patient, procedure.order.patient) if procedure else []


def _is_whole(notice: Notice) -> bool:
    of_study = PerformedStep.objects.filter(study_uid=notice.study_uid)
    if of_study.filter(state=states.IN_PROGRESS, by_hand=False).exists():
        return False  # the device is still at it: what it said so far is not all
    expected = count_expected(notice.study_uid)
    return notice.instances >= expected if expected else notice.says_complete


def count_expected(study_uid: str) -> int:
    """How many objects the devices said they made of a study; 0 when they did not say."""
    performed = PerformedStep.objects.filter(study_uid=study_uid).values_list("series", flat=True)
    return sum(series.get("images", 0) + series.get("others", 0) for exam in performed for series in exam)


def _keep_description(study: Study, in_archive: FoundStudy, patient: DescribedPatient) -> None:
    """Keep what the archive has on a study, so that a person can see whose it may be."""
    name = "^".join(filter(None, (patient.traits.family, patient.traits.given)))
    Study.objects.filter(pk=study.pk).update(
        patient_number=patient.number[:64],
        patient_name=name[:194],
        accession=accession_within(in_archive.accession),
        modality=next(iter(in_archive.modalities), "")[:16],
        performed_on=in_archive.on,
    )
    study.refresh_from_db()


def complete_quiet_studies(*, at: datetime) -> int:
    """Take studies as whole that have stopped growing and of which nobody says how many objects there will be.

    Return how many were taken so. Archives that are polled show it themselves (``polling``).
    """
    quiet = Study.objects.filter(complete_at=None, withdrawn_at=None, instances__gt=0, grown_at__lte=at - QUIET)
    done = 0
    for study in quiet.exclude(procedure=None).order_by("grown_at")[:MOST_AT_ONCE]:
        if count_expected(study.study_uid):
            continue
        notice = Notice(study_uid=study.study_uid, instances=study.instances, says_complete=True)
        done += note_arrival(notice, actor=Actor.job("images"), at=at).complete_at is not None
    return done
