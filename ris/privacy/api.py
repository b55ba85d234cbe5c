"""Emergency access, verdicts, and confidential patients over REST."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.access.models import EmergencyAccess
from ris.access.selectors import running_accesses
from ris.access.services import end_access, judge_access, open_access
from ris.audit.services import record_shown
from ris.kernel.clock import now
from ris.kernel.errors import Forbidden
from ris.patients.models import Patient
from ris.patients.services import lift_confidential, mark_confidential
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require

from . import selectors
from .review import patient_to_mark


class EmergencyAccessSerializer(serializers.ModelSerializer[EmergencyAccess]):
    """An emergency access; ``patient`` is an id."""

    class Meta:
        model = EmergencyAccess
        fields = [
            "id", "user", "patient", "why", "words", "opened_at", "ends_at", "verdict", "verdict_words", "judged_by",
            "judged_at",
        ]  # fmt: skip
        read_only_fields = fields


class BreakGlassForm(serializers.Serializer[Any]):
    """Whom to open, and why. The number travels in the body, so that no log keeps it."""

    number = serializers.CharField(max_length=64, help_text="A number of the patient, or an accession number.")
    why = serializers.ChoiceField(choices=EmergencyAccess.REASONS)
    words = serializers.CharField(max_length=250, help_text="In the person's own words.")


class EmergencyAccessesView(APIView):
    """The caller's own emergency accesses."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=EmergencyAccessSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Those that run now."""
        rows = running_accesses(user_of(request), now())
        record_shown(actor_of(request), "break-glass.view", ((row, row.patient_id) for row in rows), at=now())
        return Response(EmergencyAccessSerializer(rows, many=True).data)

    @extend_schema(request=BreakGlassForm, responses={201: EmergencyAccessSerializer})
    def post(self, request: Request) -> Response:
        """Open one patient for 60 minutes. Needs ``break_glass``, and a session that showed its password or second
        factor within five minutes: 403 with code ``reauthenticate`` else. An API token never does."""
        user, at, actor = user_of(request), now(), actor_of(request)
        require(user, Can.BREAK_GLASS)
        if request.auth is not None or not did_recently_reauthenticate(request._request):
            raise Forbidden("Show who you are first: /account/reauthenticate/.", code="reauthenticate")
        form = BreakGlassForm(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        patient = selectors.patient_to_open(user, said["number"], actor=actor, at=at)
        access = open_access(user, patient.pk, why=said["why"], words=said["words"], actor=actor, at=at)
        return Response(EmergencyAccessSerializer(access).data, status=status.HTTP_201_CREATED)


class EndEmergencyAccessView(APIView):
    """Ends one."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=None, responses=EmergencyAccessSerializer)
    def post(self, request: Request, access_id: int) -> Response:
        """End one's own before its time."""
        access = end_access(user_of(request), access_id, actor=actor_of(request), at=now())
        return Response(EmergencyAccessSerializer(access).data)


class ReviewsView(APIView):
    """Emergency accesses for privacy officers."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=EmergencyAccessSerializer(many=True), parameters=[OpenApiParameter("judged", bool)])
    def get(self, request: Request) -> Response:
        """Those that wait for a verdict, the oldest first; ``judged=true``: the latest 200 that have one."""
        judged = request.query_params.get("judged", "").lower() in ("1", "true")
        rows = list(selectors.accesses_for(user_of(request), judged=judged)[:200])
        record_shown(actor_of(request), "break-glass.view", ((row, row.patient_id) for row in rows), at=now())
        return Response(EmergencyAccessSerializer(rows, many=True).data)


class VerdictForm(serializers.Serializer[Any]):
    """A verdict; words are wanted unless it is ``justified``."""

    verdict = serializers.ChoiceField(choices=EmergencyAccess.VERDICTS)
    words = serializers.CharField(max_length=250, required=False, allow_blank=True, default="")


class JudgeView(APIView):
    """Judges one."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=VerdictForm, responses=EmergencyAccessSerializer)
    def post(self, request: Request, access_id: int) -> Response:
        """Give a verdict. Needs ``see_audit``; nobody judges their own. 409 where a final verdict stands."""
        user = user_of(request)
        form = VerdictForm(data=request.data)
        form.is_valid(raise_exception=True)
        access = selectors.access_for(user, access_id)
        done = judge_access(access, **form.validated_data, judge=user, actor=actor_of(request), at=now())
        return Response(EmergencyAccessSerializer(done).data)


class ConfidentialForm(serializers.Serializer[Any]):
    """``kind``: why the patient is kept confidential; empty: no more."""

    kind = serializers.ChoiceField(choices=Patient.CONFIDENTIALITY, allow_blank=True)
    reason = serializers.CharField(max_length=250)


class ConfidentialView(APIView):
    """Whether a patient is kept confidential."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=ConfidentialForm, responses=ConfidentialForm)
    def post(self, request: Request, patient_id: int) -> Response:
        """Set it, change its kind, or lift it, with a reason. Needs ``mark_confidential``."""
        user = user_of(request)
        require(user, Can.MARK_CONFIDENTIAL)
        form = ConfidentialForm(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        patient = patient_to_mark(user, patient_id)
        if said["kind"]:
            mark_confidential(patient.pk, said["kind"], reason=said["reason"], actor=actor_of(request), at=now())
        else:
            lift_confidential(patient.pk, reason=said["reason"], actor=actor_of(request), at=now())
        return Response(said)
