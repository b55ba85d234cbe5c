"""Follow-up recommendations over REST."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from ris.audit.services import record_shown
from ris.kernel.api import DayField, IdField
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require

from ..models import FollowUp, FollowUpMatch
from . import selectors
from .matching import decide_match
from .services import close_follow_up, save_follow_up


class MatchSerializer(serializers.ModelSerializer[FollowUpMatch]):
    """A later exam that may be what was recommended."""

    class Meta:
        model = FollowUpMatch
        fields = ["id", "procedure", "state", "found_at", "decided_at", "decided_by"]


class FollowUpSerializer(serializers.ModelSerializer[FollowUp]):
    """A recommendation: what, where, when, on which condition, who sees to it, and what became of it."""

    matches = MatchSerializer(many=True, read_only=True)

    class Meta:
        model = FollowUp
        fields = [
            "id", "report", "state", "kind", "what", "modality", "region", "earliest", "latest", "condition", "reason",
            "owner", "source", "quote", "made_by", "recommended_at", "rung", "procedure", "done_at", "closed_by",
            "close_reason", "close_note", "matches",
        ]  # fmt: skip


class FollowUpForm(serializers.Serializer[Any]):
    """A recommendation for the report of a case; ``item`` is its reading item."""

    item = IdField()
    kind = serializers.ChoiceField(FollowUp.KINDS, default="exam")
    what = serializers.CharField(max_length=120)
    modality = serializers.CharField(max_length=16, required=False, allow_blank=True)
    region = serializers.CharField(max_length=32, required=False, allow_blank=True)
    earliest = DayField(required=False, allow_null=True)
    latest = DayField(required=False, allow_null=True)
    condition = serializers.CharField(max_length=200, required=False, allow_blank=True)
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)
    owner = serializers.ChoiceField(FollowUp.OWNERS, default="referrer")


class FollowUpCloseForm(serializers.Serializer[Any]):
    """Why it is closed though its exam was not done here."""

    reason = serializers.ChoiceField(FollowUp.REASONS)
    note = serializers.CharField(max_length=250, required=False, allow_blank=True, default="")


class MatchForm(serializers.Serializer[Any]):
    """Whether a proposed exam is what was recommended."""

    match = IdField()
    keep = serializers.BooleanField()


class ClosedSerializer(serializers.Serializer[Any]):
    """Of the recommendations whose last day was in a month. ``percent`` null: none of them is due yet."""

    month = serializers.CharField()
    recommended = serializers.IntegerField()
    done = serializers.IntegerField()
    closed = serializers.IntegerField()
    waiting = serializers.IntegerField()
    in_time = serializers.IntegerField()
    due = serializers.IntegerField()
    percent = serializers.IntegerField(allow_null=True)


class FollowUpViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[FollowUp]):
    """Recommendations that were signed: of the caller's sites, or of their own orders."""

    permission_classes = [IsAuthenticated]
    serializer_class = FollowUpSerializer
    queryset = FollowUp.objects.none()
    filterset_fields = ["state", "owner", "modality", "region", "report"]

    def get_queryset(self) -> Any:
        user = user_of(self.request)
        if Can.LEAD_READING not in permissions_of(user):
            require(user, Can.SEE_REPORTS)
        return selectors.visible_follow_ups(user).prefetch_related("matches").order_by("pk")

    def paginate_queryset(self, queryset: Any) -> Any:
        """A page of recommendations; each is audited."""
        page = super().paginate_queryset(queryset)
        shown = ((row, row.report.procedure.order.patient_id) for row in page or ())
        record_shown(actor_of(self.request), "follow-up.view", shown, at=now())
        return page

    @extend_schema(request=FollowUpForm, responses={201: FollowUpSerializer})
    def create(self, request: Request) -> Response:
        """Write one into the draft of a case that the caller holds; into a signed report it stands at once."""
        form = FollowUpForm(data=request.data)
        form.is_valid(raise_exception=True)
        given = dict(form.validated_data)
        row = save_follow_up(given.pop("item"), given, reader=user_of(request), actor=actor_of(request), at=now())
        return Response(FollowUpSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=FollowUpCloseForm, responses=FollowUpSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """Close it with a reason; 409 when it is not open."""
        form = FollowUpCloseForm(data=request.data)
        form.is_valid(raise_exception=True)
        row = self.get_object()
        done = close_follow_up(row.pk, by=user_of(request), actor=actor_of(request), at=now(), **form.validated_data)
        return Response(FollowUpSerializer(done).data)

    @extend_schema(request=MatchForm, responses=FollowUpSerializer)
    @action(detail=True, methods=["post"])
    def match(self, request: Request, pk: str) -> Response:
        """Confirm a proposed exam, or refuse it."""
        form = MatchForm(data=request.data)
        form.is_valid(raise_exception=True)
        row = self.get_object()
        given = form.validated_data
        decide_match(given["match"], keep=given["keep"], by=user_of(request), actor=actor_of(request), at=now())
        return Response(FollowUpSerializer(FollowUp.objects.get(pk=row.pk)).data)

    @extend_schema(responses=ClosedSerializer(many=True), filters=False)
    @action(detail=False, pagination_class=None, url_path="closed-share")
    def closed_share(self, request: Request) -> Response:
        """How many were closed within thirty days of their last day, by month."""
        self.get_queryset()
        return Response(ClosedSerializer(selectors.closed_share(user_of(request), at=now()), many=True).data)
