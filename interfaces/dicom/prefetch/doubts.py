"""Priors that may be another patient's: found, shown to a person, and moved only when that person says so."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from ris.access.visibility import open_rows
from ris.audit.services import Actor, record
from ris.kernel.doorbell import ring
from ris.kernel.errors import Invalid, NotFound
from ris.orders.models import RequestedProcedure
from ris.patients.models import Patient
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for

from .. import states
from ..models import DoubtfulPrior, Prefetch, PriorMove
from ..reconciliation.patient_check import find_patient_doubts
from ..scu.query_retrieve import FoundStudy
from .planning import PREFETCH
from .study_description import describe_study


def separate_doubtful(wish: Prefetch, studies: list[FoundStudy], *, at: datetime) -> tuple[list[FoundStudy], list[str]]:
    """The studies that are the patient's, and the UIDs of those that may not be, which are written down to be shown.

    Name, birth date and sex are compared, and the issuer of the number. What a person accepted before is the
    patient's. A move that was queued before the doubt is dropped.
    """
    patient = wish.procedure.order.patient
    accepted = set(
        DoubtfulPrior.objects.filter(
            prefetch__procedure__order__patient=patient, accepted_at__isnull=False
        ).values_list("study_uid", flat=True)
    )
    foreign = set(
        RequestedProcedure.objects.filter(study_uid__in=[study.uid for study in studies])
        .exclude(order__patient=patient)
        .values_list("study_uid", flat=True)
    )
    theirs, doubted = [], []
    for study in studies:
        doubts = _find_doubts(study, patient, ordered_for_another=study.uid in foreign)
        if not doubts or study.uid in accepted:
            theirs.append(study)
        else:
            doubted.append(study.uid)
            _note(wish, study, doubts, at)
    DoubtfulPrior.objects.filter(prefetch=wish, accepted_at=None).exclude(study_uid__in=doubted).delete()
    for move in PriorMove.objects.filter(prefetch=wish, study_uid__in=doubted, state=states.QUEUED):
        PriorMove.objects.take(states.DROP, move.pk)
    return theirs, doubted


def _find_doubts(study: FoundStudy, patient: Patient, *, ordered_for_another: bool) -> list[str]:
    doubts = ["ordered here for another patient"] if ordered_for_another else []
    doubts += find_patient_doubts(study.patient, patient)
    described = study.patient
    issuers = {row.authority for row in patient.identifiers.all() if row.value == described.number}
    named = described.traits.family and described.traits.birth_date
    if described.issuer and issuers and described.issuer not in issuers and not named:
        # Archives write issuers in many ways. Where they also name the person that decides; else nothing does.
        doubts.append("another issuer of the patient number")
    return doubts


def _note(wish: Prefetch, study: FoundStudy, doubts: list[str], at: datetime) -> None:
    described = describe_study(study)
    DoubtfulPrior.objects.update_or_create(
        prefetch=wish,
        study_uid=study.uid,
        defaults={"doubts": doubts},
        create_defaults={
            "doubts": doubts,
            "day": described.day,
            "modality": described.modality,
            "description": described.description,
            "found_at": at,
        },
    )


def doubtful_for(viewer: User, can: Can = Can.SEE_ORDERS) -> QuerySet[DoubtfulPrior]:
    """Those that nobody has accepted, of the viewer's sites, the newest first."""
    open_ = DoubtfulPrior.objects.filter(accepted_at=None, prefetch__procedure__order__site__in=sites_for(viewer, can))
    order = "prefetch__procedure__order"
    open_ = open_rows(open_, viewer, patient=f"{order}__patient", site=f"{order}__site")
    return open_.select_related("prefetch__archive", "prefetch__procedure__order__patient").order_by("-found_at", "-pk")


@transaction.atomic
def accept_prior(viewer: User, doubt_id: int, *, reason: str, actor: Actor, at: datetime) -> DoubtfulPrior:
    """A person says that the study is this patient's: it is planned, ranked and moved like any other.

    Raises NotFound; Invalid without a reason.
    """
    if not reason.strip():
        raise Invalid("Say how you know that it is this patient.", at="reason")
    doubt = doubtful_for(viewer, Can.LEAD_READING).filter(pk=doubt_id).first()
    if doubt is None:
        raise NotFound("There is no such study that waits for a decision.")
    DoubtfulPrior.objects.filter(pk=doubt.pk).update(accepted_at=at)
    wish = doubt.prefetch
    if wish.state in states.WANT_AGAIN.sources:
        Prefetch.objects.take(states.WANT_AGAIN, wish.pk, due_at=at, attempts=0)
    patient_id = wish.procedure.order.patient_id
    record(actor, "prefetch.accept", doubt, patient_id=patient_id, at=at, reason=reason, doubts=doubt.doubts)
    ring(PREFETCH)
    return doubt
