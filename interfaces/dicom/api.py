"""The DICOM side over REST: why an order is not on a device's list, and what archives call.

Exams and images that missed their orders: ``reconciliation.api``. Reports that are owed to archives: ``reports.api``.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.kernel.values import MOST_NUMBER
from ris.orders.selectors import steps_for
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require
from ris.people.serializers import ReasonForm

from . import selectors
from .availability import webhook
from .models import DoubtfulPrior
from .prefetch.doubts import accept_prior, doubtful_for

MOST_DOUBTFUL = 500
"""In one answer; nobody decides more at once."""


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


class ArchiveAuthentication(BaseAuthentication):
    """``Authorization: Bearer`` with the token of an archive. It opens this one door."""

    def authenticate(self, request: Request) -> None:
        return None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class StableStudyForm(serializers.Serializer[Any]):
    """What an archive says of a study that has stopped growing."""

    study_uid = serializers.RegexField(r"^[0-9.]{1,64}$", help_text="Study Instance UID")
    instances = serializers.IntegerField(min_value=1, max_value=MOST_NUMBER)
    complete = serializers.BooleanField(default=True)


class StableStudyView(APIView):
    """The callback of an archive for stable studies."""

    authentication_classes = [ArchiveAuthentication]
    permission_classes = [AllowAny]

    @extend_schema(request=StableStudyForm, responses={204: None}, operation_id="dicom_stable_study")
    def post(self, request: Request) -> Response:
        """An archive says that a study has stopped growing (Orthanc: OnStableStudy). With the archive's own token."""
        kind, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        archive = webhook.find_archive(token.strip()) if kind.lower() == "bearer" else None
        if archive is None:
            raise AuthenticationFailed("This is not the token of an archive.")
        form = StableStudyForm(data=request.data)
        form.is_valid(raise_exception=True)
        body = form.validated_data
        webhook.note_stable_study(
            archive, body["study_uid"], instances=body["instances"], complete=body["complete"], at=now()
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class DoubtfulPriorSerializer(serializers.ModelSerializer[DoubtfulPrior]):
    """A study of an archive that may be another patient's, for which order it was found, and why. No names."""

    accession = serializers.CharField(source="prefetch.procedure.order.accession")
    archive = serializers.CharField(source="prefetch.archive.name")
    doubts = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = DoubtfulPrior
        fields = ["id", "accession", "archive", "study_uid", "day", "modality", "description", "doubts", "found_at"]


class DoubtfulPriorsView(APIView):
    """Priors that may be another patient's."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=DoubtfulPriorSerializer(many=True), operation_id="dicom_doubtful_priors")
    def get(self, request: Request) -> Response:
        """Those that nobody has accepted, at the caller's sites, the newest 500. Audited."""
        user = user_of(request)
        require(user, Can.SEE_ORDERS)
        record(actor_of(request), "prefetch.view", user, at=now())
        return Response(DoubtfulPriorSerializer(doubtful_for(user)[:MOST_DOUBTFUL], many=True).data)


class AcceptPriorView(APIView):
    """Decides one."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=ReasonForm, responses={204: None}, operation_id="dicom_accept_prior")
    def post(self, request: Request, doubt_id: int) -> Response:
        """It is this patient's, with the reason: it is planned and moved like any other. Needs ``lead_reading``."""
        user = user_of(request)
        require(user, Can.LEAD_READING)
        form = ReasonForm(data=request.data)
        form.is_valid(raise_exception=True)
        accept_prior(user, doubt_id, reason=form.validated_data["reason"], actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)
