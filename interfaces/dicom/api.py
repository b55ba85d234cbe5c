"""The DICOM side over REST: why an order is not on a device's list, exams to reconcile, and what archives call."""

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
from ris.orders.selectors import step_for, steps_for
from ris.orders.services import link_exam, unlink_exam
from ris.people.edge import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require

from . import selectors, services
from .selectors_exceptions import exam_for


class KeyVerdictSerializer(serializers.Serializer[selectors.KeyVerdict]):
    key = serializers.CharField()
    asked = serializers.CharField()
    found = serializers.CharField(source="is_")
    fits = serializers.BooleanField()


class StepVerdictSerializer(serializers.Serializer[selectors.StepVerdict]):
    step = serializers.CharField(source="step.number")
    listed = serializers.BooleanField()
    keys = KeyVerdictSerializer(many=True)


class ExplanationSerializer(serializers.Serializer[selectors.Explanation]):
    device = serializers.CharField(source="device.ae_title")
    accession = serializers.CharField()
    asked_at = serializers.DateTimeField(source="query.at", default=None, help_text="Empty: the device never asked.")
    steps = StepVerdictSerializer(many=True)


class ExplainQuery(serializers.Serializer[Any]):
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
        user, said = user_of(request), query.validated_data
        device = selectors.devices_seen(user).filter(ae_title=said["device"]).first()
        step = steps_for(user).filter(procedure__order__accession=said["accession"]).first()
        if device is None or step is None:
            raise NotFound("There is no such device, or no such order, at your sites.")
        order = step.procedure.order
        record(actor_of(request), "worklist.explain", device, patient_id=order.patient_id, at=now())
        return Response(ExplanationSerializer(selectors.explain(device, order.accession, at=now())).data)


class LinkForm(serializers.Serializer[Any]):
    steps = serializers.ListField(child=serializers.IntegerField(), allow_empty=False, help_text="Ids of the steps.")


class UnlinkForm(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=250)


class LinkView(APIView):
    permission_classes = [IsAuthenticated]

    @extend_schema(request=LinkForm, responses={204: None}, operation_id="dicom_exam_link")
    def post(self, request: Request, performed_id: int) -> Response:
        """The exam was of these scheduled steps; they move to where it is."""
        form = LinkForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        performed = exam_for(user, performed_id)
        for step_id in form.validated_data["steps"]:
            require(user, Can.PERFORM_EXAMS, step_for(user, step_id).procedure.order.site_id)
        link_exam(performed.pk, form.validated_data["steps"], actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class UnlinkView(APIView):
    permission_classes = [IsAuthenticated]

    @extend_schema(request=UnlinkForm, responses={204: None}, operation_id="dicom_exam_unlink")
    def post(self, request: Request, performed_id: int) -> Response:
        """The exam was not of its steps; they wait again."""
        form = UnlinkForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        performed = exam_for(user, performed_id)
        for step in performed.steps.select_related("procedure__order"):
            require(user, Can.PERFORM_EXAMS, step.procedure.order.site_id)
        unlink_exam(performed.pk, reason=form.validated_data["reason"], actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class ArchiveAuthentication(BaseAuthentication):
    """``Authorization: Bearer`` with the token of an archive. It opens this one door."""

    def authenticate(self, request: Request) -> None:
        return None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class StableStudyForm(serializers.Serializer[Any]):
    study_uid = serializers.RegexField(r"^[0-9.]{1,64}$", help_text="Study Instance UID")
    instances = serializers.IntegerField(min_value=1)
    complete = serializers.BooleanField(default=True)


class StableStudyView(APIView):
    authentication_classes = [ArchiveAuthentication]
    permission_classes = [AllowAny]

    @extend_schema(request=StableStudyForm, responses={204: None}, operation_id="dicom_stable_study")
    def post(self, request: Request) -> Response:
        """An archive says that a study has stopped growing (Orthanc: OnStableStudy). With the archive's own token."""
        kind, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        archive = services.archive_of_token(token.strip()) if kind.lower() == "bearer" else None
        if archive is None:
            raise AuthenticationFailed("This is not the token of an archive.")
        form = StableStudyForm(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        services.hear_of_stable_study(
            archive, said["study_uid"], instances=said["instances"], complete=said["complete"], at=now()
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
