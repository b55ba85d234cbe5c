"""Critical findings, records of communication and limits, over REST."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record_shown
from ris.catalog.models import Site
from ris.kernel.api import MomentField
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of, zone_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require

from ..models import CRITICAL_LEVELS, Communication, CriticalFinding
from ..selectors import report_for, visible_reports
from . import selectors
from .services import acknowledge_finding, record_communication, set_limit


class CriticalFindingSerializer(serializers.ModelSerializer[CriticalFinding]):
    """A loop: what was found, since when, until when it must be acknowledged, by whom it was."""

    accession = serializers.CharField(source="report.item.accession", read_only=True)
    item = serializers.IntegerField(source="report.item_id", read_only=True)

    class Meta:
        model = CriticalFinding
        fields = [
            "id", "report", "item", "accession", "level", "text", "state", "marked_at", "marked_by", "limit_minutes",
            "due_at", "rung", "acknowledged_at", "acknowledged_by", "acknowledged_name", "acknowledged_how",
            "withdrawn_at", "withdrawn_why",
        ]  # fmt: skip


class KeptSerializer(serializers.Serializer[Any]):
    """How the limit of a level was kept in a month. ``percent`` null: no finding's limit is over yet."""

    month = serializers.CharField()
    level = serializers.CharField()
    marked = serializers.IntegerField()
    within = serializers.IntegerField()
    late = serializers.IntegerField()
    open_late = serializers.IntegerField()
    open_in_time = serializers.IntegerField()
    percent = serializers.IntegerField(allow_null=True)
    median_minutes = serializers.FloatField(allow_null=True)


class AcknowledgeForm(serializers.Serializer[Any]):
    """Who has received it."""

    name = serializers.CharField(max_length=120)


class CriticalFindingViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[CriticalFinding]
):
    """Critical findings: of a lead all at their sites, of a reader those that they marked. Due first."""

    permission_classes = [IsAuthenticated]
    serializer_class = CriticalFindingSerializer
    queryset = CriticalFinding.objects.none()
    filterset_fields = ["state", "level", "report"]

    def get_queryset(self) -> Any:
        user = user_of(self.request)
        if Can.LEAD_READING not in permissions_of(user):
            require(user, Can.READ_CASES)
        return selectors.visible_findings(user).order_by("due_at", "pk")

    def paginate_queryset(self, queryset: Any) -> Any:
        """A page of findings; each is audited, since its words are shown."""
        page = super().paginate_queryset(queryset)
        shown = ((row, row.report.procedure.order.patient_id) for row in page or ())
        record_shown(actor_of(self.request), "critical.view", shown, at=now())
        return page

    @extend_schema(request=AcknowledgeForm, responses=CriticalFindingSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Note, as a lead, that somebody has received it; 409 when it was acknowledged or withdrawn already."""
        form = AcknowledgeForm(data=request.data)
        form.is_valid(raise_exception=True)
        row = self.get_object()
        require(user_of(request), Can.LEAD_READING, row.report.item.site_id)
        done = acknowledge_finding(row.pk, by=user_of(request), how="record", received_at=now(), at=now(),
                                   actor=actor_of(request), **form.validated_data)  # fmt: skip
        return Response(CriticalFindingSerializer(done).data)

    @extend_schema(responses=KeptSerializer(many=True), filters=False)
    @action(detail=False, pagination_class=None)
    def kept(self, request: Request) -> Response:
        """How the limits were kept in the last twelve months, by month and level, for those who lead."""
        user = user_of(request)
        require(user, Can.LEAD_READING)
        rows = selectors.kept_limits(user, at=now(), zone=zone_of(user))
        return Response(KeptSerializer(rows, many=True).data)


class CommunicationSerializer(serializers.ModelSerializer[Communication]):
    """That somebody was told of a result: who, by whom, in which role, when, how, and whether they read it back."""

    class Meta:
        model = Communication
        fields = ["id", "report", "finding", "told_by", "receiver", "receiver_role", "told_at", "how", "read_back",
                  "note", "recorded_at"]  # fmt: skip


class CommunicationForm(serializers.Serializer[Any]):
    """A record. ``told_at`` left out: now."""

    report = serializers.IntegerField(min_value=1)
    receiver = serializers.CharField(max_length=120)
    receiver_role = serializers.CharField(max_length=60)
    told_at = MomentField(required=False)
    how = serializers.ChoiceField(Communication.HOWS, default=Communication.PHONE)
    read_back = serializers.BooleanField(default=False)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class CommunicationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Communication]):
    """Who was told of which report, by whom; of reports that the caller may see."""

    permission_classes = [IsAuthenticated]
    serializer_class = CommunicationSerializer
    queryset = Communication.objects.none()
    filterset_fields = ["report", "how"]

    def get_queryset(self) -> Any:
        require(user_of(self.request), Can.READ_CASES)
        reports = visible_reports(user_of(self.request)).values("pk")
        return Communication.objects.filter(report__in=reports).order_by("-told_at", "-pk")

    @extend_schema(request=CommunicationForm, responses={201: CommunicationSerializer})
    def create(self, request: Request) -> Response:
        """Record one. A direct way (phone, person, video) closes the report's open critical finding."""
        form = CommunicationForm(data=request.data)
        form.is_valid(raise_exception=True)
        given, user, at = dict(form.validated_data), user_of(request), now()
        require(user, Can.READ_CASES)
        report = report_for(user, given.pop("report"))
        row = record_communication(report.pk, teller=user, told_at=given.pop("told_at", at), actor=actor_of(request),
                                   at=at, **given)  # fmt: skip
        return Response(CommunicationSerializer(row).data, status=status.HTTP_201_CREATED)


class LimitForm(serializers.Serializer[Any]):
    """A limit of a site; ``minutes`` null takes the site's own away."""

    site = serializers.IntegerField(min_value=1)
    level = serializers.ChoiceField(CRITICAL_LEVELS)
    minutes = serializers.IntegerField(min_value=1, max_value=86400, allow_null=True)


class CriticalLimitView(APIView):
    """Within how many minutes critical findings must be acknowledged."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=LimitForm(many=True))
    def get(self, request: Request) -> Response:
        """The limits that hold, by site and level, for those who lead."""
        require(user_of(request), Can.LEAD_READING)
        rows = [
            {"site": site.pk, "level": level, "minutes": minutes}
            for site, limits in selectors.limits_of(user_of(request)) for level, minutes in limits.items()
        ]  # fmt: skip
        return Response(LimitForm(rows, many=True).data)

    @extend_schema(request=LimitForm, responses=LimitForm)
    def put(self, request: Request) -> Response:
        """Set one. Findings that are open keep the limit they had."""
        form = LimitForm(data=request.data)
        form.is_valid(raise_exception=True)
        given, user = form.validated_data, user_of(request)
        require(user, Can.LEAD_READING, given["site"])
        site = Site.objects.get(pk=given["site"])
        set_limit(site, given["level"], given["minutes"], by=user, actor=actor_of(request), at=now())
        return Response(given)
