"""Reports over REST. Each call is parsed, authorised, handed to one service and rendered."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.people.edge import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require

from . import selectors, services
from .checks import SECTIONS, Text, remarks
from .models import Report, ReportVersion


class VersionSerializer(serializers.ModelSerializer[ReportVersion]):
    author_name = serializers.CharField(source="author.display_name", read_only=True)
    overrides = serializers.SerializerMethodField()

    class Meta:
        model = ReportVersion
        fields = [
            "id", "number", "kind", *SECTIONS, "addendum", "author", "author_name", "first_author", "signed_at",
            "sha256", "overrides",
        ]  # fmt: skip

    def get_overrides(self, version: ReportVersion) -> dict[str, str]:
        return {row.check_name: row.reason for row in version.overrides.all()}


class ReportSerializer(serializers.ModelSerializer[Report]):
    """A report; the draft's text is shown to those who read cases, others see the released versions."""

    accession = serializers.CharField(source="item.accession", read_only=True)
    remarks = serializers.SerializerMethodField()

    class Meta:
        model = Report
        fields = [
            "id", "item", "procedure", "accession", "state", "author", *SECTIONS, "revision", "saved_at", "remarks",
        ]  # fmt: skip

    def get_remarks(self, report: Report) -> list[dict[str, str]]:
        text = Text(**{name: getattr(report, name) for name in SECTIONS})
        return [{"check": r.check, "section": r.section, "sentence": r.sentence} for r in remarks(text)]


class ReleasedReportSerializer(serializers.ModelSerializer[Report]):
    """The same for those who do not read cases: no draft text, which may be ahead of what was released."""

    accession = serializers.CharField(source="item.accession", read_only=True)

    class Meta:
        model = Report
        fields = ["id", "item", "procedure", "accession", "state", "author"]


class DraftForm(serializers.Serializer[Any]):
    revision = serializers.IntegerField(min_value=0)
    technique = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    comparison = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    findings = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    impression = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)


class SignForm(serializers.Serializer[Any]):
    revision = serializers.IntegerField(min_value=1)
    overrides = serializers.DictField(child=serializers.CharField(max_length=250), required=False, default=dict)


class AddendumForm(serializers.Serializer[Any]):
    text = serializers.CharField(trim_whitespace=False)


class ItemReportView(APIView):
    """The report of a reading item: its draft."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=ReportSerializer)
    def get(self, request: Request, item_id: int) -> Response:
        """The report as it stands; 404 while nothing was written. Seeing it is audited."""
        require(user_of(request), Can.READ_CASES)
        report = selectors.report_of_item(user_of(request), item_id)
        if report is None:
            raise NotFound("Nothing has been written for this item yet.")
        record(actor_of(request), "report.view", report, patient_id=report.procedure.order.patient_id, at=now())
        return Response(ReportSerializer(report).data)

    @extend_schema(request=DraftForm, responses=ReportSerializer)
    def put(self, request: Request, item_id: int) -> Response:
        """Save the draft upon ``revision``; 409 when it was changed elsewhere, or the case is not held."""
        form = DraftForm(data=request.data)
        form.is_valid(raise_exception=True)
        sections = dict(form.validated_data)
        revision = sections.pop("revision")
        user = user_of(request)
        require(user, Can.READ_CASES)
        report = services.save_draft(
            item_id, reader=user, revision=revision, sections=sections, actor=actor_of(request), at=now()
        )
        return Response(ReportSerializer(report).data)


class ReleaseView(APIView):
    """Release the draft of a reading item: ``sign`` or ``preliminary``."""

    permission_classes = [IsAuthenticated]
    how = "sign"

    @extend_schema(request=SignForm, responses={201: VersionSerializer})
    def post(self, request: Request, item_id: int) -> Response:
        """Check and release it as it stands at ``revision``. 400 names the check that wants an override."""
        form = SignForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.SIGN_REPORTS if self.how == "sign" else Can.READ_CASES)
        release = services.sign if self.how == "sign" else services.sign_preliminary
        version = release(item_id, reader=user, actor=actor_of(request), at=now(), **form.validated_data)
        return Response(VersionSerializer(version).data, status=status.HTTP_201_CREATED)


class ReportViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Report]):
    """Reports that the caller may see, with their released versions."""

    permission_classes = [IsAuthenticated]
    serializer_class = ReportSerializer
    queryset = Report.objects.none()
    filterset_fields = ["state", "procedure", "item"]

    def get_queryset(self) -> QuerySet[Report]:
        return selectors.visible_reports(user_of(self.request)).order_by("-pk")

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Report]]:
        reads = self.request is None or Can.READ_CASES in permissions_of(user_of(self.request))
        return ReportSerializer if reads else ReleasedReportSerializer

    def get_object(self) -> Report:
        return selectors.report_for(user_of(self.request), int(self.kwargs["pk"]))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One report; seeing it is audited."""
        return Response(self.get_serializer(self._seen("report.view")).data)

    @extend_schema(responses=VersionSerializer(many=True))
    @action(detail=True)
    def versions(self, request: Request, pk: str) -> Response:
        """All that was released, in order; seeing it is audited."""
        found = selectors.versions_of(self._seen("report.view"))
        return Response(VersionSerializer(found, many=True).data)

    @extend_schema(request=AddendumForm, responses={201: VersionSerializer})
    @action(detail=True, methods=["post"])
    def addendum(self, request: Request, pk: str) -> Response:
        """Add to a final report."""
        form = AddendumForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.SIGN_REPORTS)
        report = self.get_object()
        text = form.validated_data["text"]
        version = services.add_addendum(report.pk, reader=user, text=text, actor=actor_of(request), at=now())
        return Response(VersionSerializer(version).data, status=status.HTTP_201_CREATED)

    def _seen(self, action_name: str) -> Report:
        report = self.get_object()
        patient_id = report.procedure.order.patient_id
        record(actor_of(self.request), action_name, report, patient_id=patient_id, at=now())
        return report
