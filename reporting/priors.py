"""What was done before: the patient's other exams, as the reading room shows them."""

from __future__ import annotations

from django.db.models import Case, IntegerField, QuerySet, Value, When

from ris.orders.models import RequestedProcedure
from ris.orders.states import CANCELLED
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for
from worklist.models import ReadingItem


def priors_of(viewer: User, item: ReadingItem) -> QuerySet[RequestedProcedure]:
    """Other exams of the same patient at the viewer's sites: same region first, then the newest."""
    sites = list(sites_for(viewer, Can.SEE_ORDERS).values_list("pk", flat=True))
    patient = item.procedure.order.patient_id
    others = RequestedProcedure.objects.filter(order__patient=patient, order__site__in=sites).exclude(state=CANCELLED)
    alike = Case(
        When(procedure__body_region=item.region or "?", then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    return (
        others.exclude(pk=item.procedure_id)
        .select_related("order__site", "procedure", "report", "reading_item")
        .annotate(unlike=alike)
        .order_by("unlike", "-order__placed_at", "-pk")
    )
