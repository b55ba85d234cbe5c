"""What a link stands for: found for who asks, signed for a short time, and found again for who opens it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.core import signing
from django.db.models import Q, QuerySet
from django.urls import reverse

from reporting.selectors import visible_reports
from reporting.states import DRAFT
from ris.kernel.errors import Forbidden, Invalid, NotFound
from ris.orders.models import RequestedProcedure
from ris.patients.selectors import find_patient
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, site_ids_for
from worklist.selectors import visible_items

SALT = "iid.link"
LASTS = timedelta(minutes=5)
"""Within which a link is opened; what it leads to stays open as long as the person is signed in."""
RESULT, IMAGES = "result", "images"
SEERS = (Can.SEE_ORDERS, Can.SEE_REPORTS, Can.SEE_WORKLIST)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One of patient number (with its authority), accession number, Study Instance UID; and which side of it."""

    patient_id: str = ""
    authority: str = ""
    accession: str = ""
    study_uid: str = ""
    show: str = RESULT


def sign_link(wanted: Wanted, viewer: User) -> str:
    """A token for what is wanted, which the viewer may see. Raises Invalid, NotFound, Forbidden."""
    if wanted.show not in (RESULT, IMAGES):
        raise Invalid("Say result or images.", at="show")
    if wanted.patient_id:
        patient = find_patient([(wanted.patient_id, wanted.authority, "MR")])
        rows = visible_exams(viewer).filter(order__patient=patient.pk if patient else 0)
        if not rows.exists():
            raise NotFound("There is no such patient with an exam at your sites.", at="patient_id")
        return signing.dumps(["patient", patient.pk if patient else 0, wanted.show], salt=SALT)
    found = _exam(wanted, viewer)
    if found is None:
        raise NotFound("There is no such exam at your sites.", at="accession" if wanted.accession else "study_uid")
    return signing.dumps(["exam", found.pk, wanted.show], salt=SALT)


def _exam(wanted: Wanted, viewer: User) -> RequestedProcedure | None:
    if not wanted.accession and not wanted.study_uid:
        raise Invalid("Name a patient_id, an accession or a study_uid.", at="accession")
    rows = visible_exams(viewer)
    if wanted.accession:
        rows = rows.filter(order__accession=wanted.accession)
    if wanted.study_uid:
        rows = rows.filter(Q(study_uid=wanted.study_uid) | Q(performed_study_uid=wanted.study_uid))
    return rows.order_by("pk").first()


def visible_exams(viewer: User) -> QuerySet[RequestedProcedure]:
    """Exams of which the viewer may see anything: by order, worklist or report. Raises Forbidden."""
    cans = permissions_of(viewer)
    if cans.isdisjoint(SEERS):
        raise Forbidden("Your role sees no exams.", code="role")
    fits = Q(pk__in=())
    for can in (Can.SEE_ORDERS, Can.SEE_WORKLIST):
        if can in cans:
            fits |= Q(order__site__in=site_ids_for(viewer, can))
    if Can.SEE_REPORTS in cans:  # a referrer's are those of their own orders
        fits |= Q(pk__in=visible_reports(viewer).order_by().values("procedure"))
    return RequestedProcedure.objects.filter(fits)


def address_of(token: str, viewer: User) -> str:
    """Where a link leads whoever opens it. Raises Invalid for one that is too old, NotFound."""
    try:
        kind, pk, show = signing.loads(token, salt=SALT, max_age=LASTS)
    except signing.SignatureExpired:
        raise Invalid("This link is too old. Open it again from the system that it came from.") from None
    except (signing.BadSignature, ValueError):
        raise NotFound("This is no link of ours.") from None
    if kind == "patient":
        return _patient_address(int(pk), viewer)
    if not visible_exams(viewer).filter(pk=pk).exists():
        raise NotFound("There is no such exam at your sites.")
    return _exam_address(int(pk), show, viewer)


def _patient_address(patient_id: int, viewer: User) -> str:
    if Can.SEE_ORDERS in permissions_of(viewer):
        return reverse("orders:patient", args=[patient_id])
    newest = visible_exams(viewer).filter(order__patient=patient_id).order_by("-pk").first()
    if newest is None:
        raise NotFound("There is no such patient with an exam of yours.")
    return _exam_address(newest.pk, RESULT, viewer)


def _exam_address(procedure_id: int, show: str, viewer: User) -> str:
    """The images, the released result, else the case or the order: the first that the viewer may see."""
    cans = permissions_of(viewer)
    report = None
    if Can.SEE_REPORTS in cans:
        report = visible_reports(viewer).filter(procedure=procedure_id).exclude(state=DRAFT).first()
    item = visible_items(viewer).filter(procedure=procedure_id).first() if Can.SEE_WORKLIST in cans else None
    if show == IMAGES and item is not None:
        return reverse("reporting:images", args=[item.pk])
    if show == IMAGES and report is not None:
        return reverse("reporting:result-images", args=[report.pk])
    if report is not None:
        return reverse("reporting:result", args=[report.pk])
    if Can.SEE_ORDERS in cans:
        order_id = RequestedProcedure.objects.values_list("order", flat=True).get(pk=procedure_id)
        return reverse("orders:detail", args=[order_id])
    raise NotFound("Nothing of this exam can be seen yet.")
