"""The referrer's first screen over REST."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record_shown
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require

from ..models import Report
from .selectors import new_results, open_orders

MOST_SHOWN = 200


class OwnResultSerializer(serializers.ModelSerializer[Report]):
    """A result of an own order, without its text: ``GET /api/reports/ID/`` opens it and marks it as seen."""

    accession = serializers.CharField(source="item.accession")
    order = serializers.IntegerField(source="procedure.order_id")
    patient = serializers.IntegerField(source="procedure.order.patient_id")
    exam = serializers.CharField(source="procedure")
    site = serializers.CharField(source="item.site.code")
    version = serializers.IntegerField(source="newest")
    released_at = serializers.DateTimeField()

    class Meta:
        model = Report
        fields = ["id", "state", "accession", "order", "patient", "exam", "site", "version", "released_at",
                  "critical_level"]  # fmt: skip


class HomeSerializer(serializers.Serializer[Any]):
    """What waits for a referrer: new results, critical ones first, and ids of orders that are not reported yet."""

    new = OwnResultSerializer(many=True)
    open_orders = serializers.ListField(child=serializers.IntegerField())


class HomeView(APIView):
    """A referrer's own results."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=HomeSerializer)
    def get(self, request: Request) -> Response:
        """At most 200 of each; each result is audited."""
        user = user_of(request)
        require(user, Can.SEE_REPORTS)
        new = list(new_results(user)[:MOST_SHOWN])
        shown = ((report, report.procedure.order.patient_id) for report in new)
        record_shown(actor_of(request), "results.view-own", shown, at=now())
        waiting = [order.pk for order in open_orders(user)[:MOST_SHOWN]]
        return Response(HomeSerializer({"new": new, "open_orders": waiting}).data)
