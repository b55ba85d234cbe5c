"""A referrer's own results and orders: what is new to them, who their patients are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When

from ris.orders.models import Order
from ris.orders.selectors import orders_of_referrer, own_orders_for
from ris.orders.states import ACTIVE, CANCELLED
from ris.patients.models import Patient
from ris.people.models import User

from ..models import ReportVersion, ResultSeen
from ..selectors import released, visible_reports

MOST_PATIENTS = 50


@dataclass(frozen=True, slots=True)
class OwnPatient:
    """A patient of a referrer: how many of their results are new, the last one, and orders that are not reported."""

    patient: Patient
    new: int
    last_at: datetime | None
    open_orders: int


def own_results(viewer: User) -> QuerySet[Any]:
    """Released reports of orders that the viewer gave or gets copies of, those that the viewer may see.

    Annotated: ``newest`` (number of the last version), ``released_at``, ``is_new``: 1 where the viewer has not opened
    the last version.
    """
    versions = ReportVersion.objects.filter(report=OuterRef("pk")).order_by("-number")
    seen = ResultSeen.objects.filter(report=OuterRef("pk"), user=viewer).values("number")[:1]
    own = orders_of_referrer(viewer).values("pk")
    rows: QuerySet[Any] = released(visible_reports(viewer)).filter(procedure__order__in=own)
    rows = rows.annotate(
        newest=Subquery(versions.values("number")[:1]),
        released_at=Subquery(versions.values("signed_at")[:1]),
        seen_number=Subquery(seen),
    )
    is_new = When(Q(seen_number=None) | Q(seen_number__lt=F("newest")), then=Value(1))
    rows = rows.annotate(is_new=Case(is_new, default=Value(0), output_field=IntegerField()))
    return rows.select_related("item__site", "procedure__procedure", "author")


URGENCY = Case(
    When(critical_level="red", then=Value(0)), When(critical_level="orange", then=Value(1)),
    When(critical_level="yellow", then=Value(2)), default=Value(3), output_field=IntegerField(),
)  # fmt: skip


def new_results(viewer: User) -> QuerySet[Any]:
    """Those that are new to the viewer: critical findings first, then the newest."""
    return own_results(viewer).filter(is_new=1).order_by(URGENCY, "-released_at", "-pk")


def unseen_among(viewer: User, report_ids: Sequence[int]) -> set[int]:
    """Of these reports, those of the viewer's own orders that are new to them."""
    return set(own_results(viewer).filter(pk__in=report_ids, is_new=1).values_list("pk", flat=True))


def open_orders(viewer: User) -> QuerySet[Order]:
    """Own orders that are active and have an exam of which nothing was released yet, newest first."""
    unreported = Q(procedures__report=None) | ~Q(procedures__report__state__in=["preliminary", "returned", "final"])
    rows = own_orders_for(viewer).filter(unreported & ~Q(procedures__state=CANCELLED), state=ACTIVE)
    return rows.distinct()


def own_patients(viewer: User) -> list[OwnPatient]:
    """Patients of the viewer's own results and open orders, those with something new first; at most 50."""
    found: dict[int, OwnPatient] = {}
    for report in own_results(viewer).order_by("-is_new", "-released_at")[:500]:
        patient = report.procedure.order.patient
        had = found.get(patient.pk, OwnPatient(patient, 0, None, 0))
        last_at = max((at for at in (had.last_at, report.released_at) if at), default=None)
        found[patient.pk] = OwnPatient(patient, had.new + report.is_new, last_at, 0)
    for order in open_orders(viewer)[:500]:
        had = found.get(order.patient_id, OwnPatient(order.patient, 0, None, 0))
        found[order.patient_id] = OwnPatient(had.patient, had.new, had.last_at, had.open_orders + 1)
    rows = sorted(found.values(), key=lambda row: row.patient.display_name)
    return sorted(rows, key=lambda row: (-row.new, -row.open_orders))[:MOST_PATIENTS]
