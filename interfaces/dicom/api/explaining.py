"""Why is an order not on a device's list?"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.orders.selectors import steps_for
from ris.people.http import actor_of, user_of

from .. import selectors


class KeyVerdictSerializer(serializers.Serializer[selectors.KeyVerdict]):
    """One matching key: what the device asked, what the step has, and whether they fit."""

    key = serializers.CharField()
    asked = serializers.CharField()
    found = serializers.CharField(source="is_")
    fits = serializers.BooleanField()


class StepVerdictSerializer(serializers.Serializer[selectors.StepVerdict]):
    """One scheduled step: whether it is listed, and the verdict of each key."""

    step = serializers.CharField(source="step.number")
    listed = serializers.BooleanField()
    keys = KeyVerdictSerializer(many=True)


class ExplanationSerializer(serializers.Serializer[selectors.Explanation]):
    """Why an order is, or is not, in the last answer to a device."""

    device = serializers.CharField(source="device.ae_title")
    accession = serializers.CharField()
    asked_at = serializers.DateTimeField(source="query.at", default=None, help_text="Empty: the device never asked.")
    steps = StepVerdictSerializer(many=True)


class ExplainQuery(serializers.Serializer[Any]):
    """Which order should be on the worklist of which device."""

    device = serializers.CharField(max_length=16, help_text="AE title")
    accession = serializers.CharField(max_length=16)


class ExplainView(APIView):
    """Why is my patient not on the scanner's list?"""

    permission_classes = [IsAuthenticated]

    @extend_schema(parameters=[ExplainQuery], responses=ExplanationSerializer)
    def get(self, request: Request) -> Response:
        """The device's last query against the order, key by key. Audited."""
        query = ExplainQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        user, keys = user_of(request), query.validated_data
        device = selectors.devices_seen(user).filter(ae_title=keys["device"]).first()
        step = steps_for(user).filter(procedure__order__accession=keys["accession"]).first()
        if device is None or step is None:
            raise NotFound("There is no such device, or no such order, at your sites.")
        order = step.procedure.order
        record(actor_of(request), "worklist.explain", device, patient_id=order.patient_id, at=now())
        return Response(ExplanationSerializer(selectors.explain_absence(device, order.accession, at=now())).data)
