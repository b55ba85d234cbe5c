"""The release to patients over REST."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require

from .. import selectors as reports
from ..models import PatientRelease, ReleasePolicy
from .pages import LEVEL_NAMES, act_on, decidable
from .policies import policies, rules_in_force, save_policy
from .policy import KINDS, LEVELS, MOST_HOURS, THENS
from .selectors import preview_release, release_of


class ReleaseRuleSerializer(serializers.Serializer[Any]):
    """A rule: conditions, of which empty ones hold for all, and what then holds."""

    then = serializers.ChoiceField(choices=list(THENS))
    hours = serializers.IntegerField(default=0, min_value=0, max_value=MOST_HOURS)
    kind = serializers.ChoiceField(choices=list(KINDS), default="", allow_blank=True)
    modality = serializers.CharField(max_length=16, default="", allow_blank=True)
    level = serializers.ChoiceField(choices=list(LEVELS), default="", allow_blank=True)
    age_from = serializers.IntegerField(default=None, allow_null=True, min_value=0, max_value=150)
    age_to = serializers.IntegerField(default=None, allow_null=True, min_value=0, max_value=150)
    site = serializers.CharField(max_length=16, default="", allow_blank=True, help_text="A site's code.")
    sentence = serializers.CharField(read_only=True)


class PolicySerializer(serializers.ModelSerializer[ReleasePolicy]):
    """A policy as it was saved."""

    class Meta:
        model = ReleasePolicy
        fields = ["number", "rules", "reason", "made_by", "made_at"]


class PolicyForm(serializers.Serializer[Any]):
    """New rules upon the policy of that number."""

    upon = serializers.IntegerField(min_value=0)
    reason = serializers.CharField(max_length=250)
    rules = ReleaseRuleSerializer(many=True)


class PolicyInForce(serializers.Serializer[Any]):
    """The rules in force; number 0: those that the system begins with."""

    number = serializers.IntegerField()
    rules = ReleaseRuleSerializer(many=True)
    history = PolicySerializer(many=True)


class PatientReleaseSerializer(serializers.ModelSerializer[PatientRelease]):
    """What the patient sees of a report, by which rule, from when on."""

    class Meta:
        model = PatientRelease
        fields = ["report", "edition", "state", "then", "because", "policy_number", "due_at", "waits_for_referrer",
                  "opened_at", "held_by", "held_at", "hold_reason"]  # fmt: skip


class DecisionSerializer(serializers.Serializer[Any]):
    """What the policy would say of a report that is signed now."""

    then = serializers.CharField()
    due_at = serializers.DateTimeField(allow_null=True)
    waits_for_referrer = serializers.BooleanField()
    because = serializers.CharField()


class ReleaseReasonForm(serializers.Serializer[Any]):
    """Why; of a hold and of giving."""

    reason = serializers.CharField(max_length=250, default="", allow_blank=True)


class ReleasePolicyView(APIView):
    """The release policy."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=PolicyInForce)
    def get(self, request: Request) -> Response:
        """Rules in force, and the newest 50 policies."""
        cans = permissions_of(user_of(request))
        if not cans & {Can.READ_CASES, Can.LEAD_READING, Can.SET_UP, Can.SEE_AUDIT}:
            require(user_of(request), Can.READ_CASES)
        number, rules = rules_in_force()
        record(actor_of(request), "release.policy-view", user_of(request), at=now())
        return Response(PolicyInForce({"number": number, "rules": rules, "history": policies()[:50]}).data)

    @extend_schema(request=PolicyForm, responses={201: PolicySerializer})
    def post(self, request: Request) -> Response:
        """Put new rules into force; 409 when somebody saved since ``upon``."""
        require(user_of(request), Can.SET_UP)
        form = PolicyForm(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        saved = save_policy(given["rules"], upon=given["upon"], reason=given["reason"], editor=user_of(request),
                            actor=actor_of(request), at=now())  # fmt: skip
        return Response(PolicySerializer(saved).data, status=status.HTTP_201_CREATED)


class PatientReleaseView(APIView):
    """When the patient sees a report."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=PatientReleaseSerializer)
    def get(self, request: Request, report_id: int) -> Response:
        """Where it stands; 404 before anything was released or held."""
        report = reports.report_for(user_of(request), report_id)
        release = release_of(report)
        if release is None:
            raise NotFound("Nothing was released of this report yet.")
        record(actor_of(request), "release.view", report, patient_id=report.procedure.order.patient_id, at=now())
        return Response(PatientReleaseSerializer(release).data)


class ReleaseStepView(APIView):
    """Hold a report back from its patient, let it go, give it."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=ReleaseReasonForm, responses=PatientReleaseSerializer)
    def post(self, request: Request, report_id: int, how: str) -> Response:
        """409 when it does not stand so; a hold and giving want a reason."""
        require(user_of(request), Can.SEE_REPORTS)
        form = ReleaseReasonForm(data=request.data)
        form.is_valid(raise_exception=True)
        report = decidable(request, report_id)
        act_on(request, report, how, form.validated_data["reason"])
        return Response(PatientReleaseSerializer(release_of(report)).data)


class ReleasePreviewView(APIView):
    """When the patient would see the report of a reading item."""

    permission_classes = [IsAuthenticated]

    @extend_schema(
        parameters=[OpenApiParameter("critical_level", enum=list(LEVEL_NAMES), default="")],
        responses=DecisionSerializer,
    )
    def get(self, request: Request, item_id: int) -> Response:
        """If it were signed as final now, with this critical finding."""
        require(user_of(request), Can.READ_CASES)
        report = reports.report_of_item(user_of(request), item_id)
        if report is None:
            raise NotFound("No draft of this item was begun yet. Claim it to begin one.")
        level = request.query_params.get("critical_level", "")
        decision = preview_release(report, level=level if level in LEVEL_NAMES else "", at=now())
        return Response(DecisionSerializer(decision).data)
