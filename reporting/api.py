"""Reports over REST. Each call is parsed, authorised, handed to one service and rendered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record, record_shown
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require

from . import selectors, services
from .models import Report, ReportVersion
from .referrers.services import mark_seen
from .serializers import (
    AddendumForm,
    CommonForm,
    CorrectionForm,
    PreliminaryForm,
    ReleasedReportSerializer,
    ReleaseForm,
    ReportSerializer,
    RetractionForm,
    SignForm,
    TextForm,
    VersionSerializer,
)


class ItemReportView(APIView):
    """The report of a reading item: its draft."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=ReportSerializer)
    def get(self, request: Request, item_id: int) -> Response:
        """The report as it stands; 404 before the first claim, which begins an empty draft. Seeing it is audited."""
        require(user_of(request), Can.READ_CASES)
        report = selectors.report_of_item(user_of(request), item_id)
        if report is None:
            raise NotFound("No draft of this item was begun yet. Claim it to begin one.")
        record(actor_of(request), "report.view", report, patient_id=report.procedure.order.patient_id, at=now())
        return Response(ReportSerializer(report, context={"request": request}).data)

    @extend_schema(request=TextForm, responses=ReportSerializer)
    def put(self, request: Request, item_id: int) -> Response:
        """Save the draft upon ``revision``; 409 when it was changed elsewhere, or the case is not held."""
        form = TextForm(data=request.data)
        form.is_valid(raise_exception=True)
        sections = dict(form.validated_data)
        revision = sections.pop("revision")
        user = user_of(request)
        require(user, Can.READ_CASES)
        report = services.save_draft(
            item_id, reader=user, revision=revision, sections=sections, actor=actor_of(request), at=now()
        )
        return Response(ReportSerializer(report, context={"request": request}).data)


class PreliminaryView(APIView):
    """Release the draft of a reading item as a preliminary report."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=PreliminaryForm, responses={201: VersionSerializer})
    def post(self, request: Request, item_id: int) -> Response:
        """Check and release it as it stands at ``revision``. 400 names the check that wants an override."""
        return _release(request, item_id, PreliminaryForm, Can.READ_CASES, services.sign_preliminary)


class SignView(APIView):
    """Sign the draft of a reading item as its final report."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=SignForm, responses={201: VersionSerializer})
    def post(self, request: Request, item_id: int) -> Response:
        """Check and sign it as it stands at ``revision``. 400 names the check that wants an override."""
        return _release(request, item_id, SignForm, Can.SIGN_REPORTS, services.sign)


class CommonView(APIView):
    """The exams that the text of a reading item covers beside its own."""

    permission_classes = [IsAuthenticated]
    service: Callable[..., Report] = staticmethod(services.cover)

    @extend_schema(request=CommonForm, responses=ReportSerializer)
    def post(self, request: Request, item_id: int) -> Response:
        """``cover``: the text covers ``exam`` (a reading item that is held too) as well. ``split-off``: no more."""
        form = CommonForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.READ_CASES)
        report = self.service(item_id, form.validated_data["exam"], reader=user, actor=actor_of(request), at=now())
        return Response(ReportSerializer(report, context={"request": request}).data)


def _release(request: Request, item_id: int, fields: type[ReleaseForm], can: Can, service: Any) -> Response:
    form = fields(data=request.data)
    form.is_valid(raise_exception=True)
    user = user_of(request)
    require(user, can)
    version = service(item_id, reader=user, actor=actor_of(request), at=now(), **form.validated_data)
    return _version(request, version)


def _version(request: Request, version: ReportVersion) -> Response:
    data = VersionSerializer(version, context={"request": request}).data
    return Response(data, status=status.HTTP_201_CREATED)


class ReportViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Report]):
    """Reports that the caller may see, with their released versions."""

    permission_classes = [IsAuthenticated]
    serializer_class = ReportSerializer
    queryset = Report.objects.none()
    filterset_fields = ["state", "procedure", "item", "common_with"]

    def get_queryset(self) -> QuerySet[Report]:
        return selectors.visible_reports(user_of(self.request)).order_by("-pk")

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Report]]:
        reads = self.request is None or Can.READ_CASES in permissions_of(user_of(self.request))
        return ReportSerializer if reads else ReleasedReportSerializer

    def get_object(self) -> Report:
        return selectors.report_for(user_of(self.request), int(self.kwargs["pk"]))

    def paginate_queryset(self, queryset: Any) -> Any:
        """A page of reports; each is audited, since its text is shown."""
        page = super().paginate_queryset(queryset)
        shown = ((report, report.procedure.order.patient_id) for report in page or ())
        record_shown(actor_of(self.request), "report.view", shown, at=now())
        return page

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One report; seeing it is audited."""
        return Response(self.get_serializer(self._opened()).data)

    @extend_schema(responses=VersionSerializer(many=True))
    @action(detail=True)
    def versions(self, request: Request, pk: str) -> Response:
        """All that was released, in order; seeing it is audited."""
        versions = selectors.versions_for(user_of(request), self._opened())
        return Response(VersionSerializer(versions, many=True, context={"request": request}).data)

    @extend_schema(request=AddendumForm, responses={201: VersionSerializer})
    @action(detail=True, methods=["post"])
    def addendum(self, request: Request, pk: str) -> Response:
        """Add to a final report."""
        form = AddendumForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.SIGN_REPORTS)
        report = self.get_object()
        fields = dict(form.validated_data)
        fields["critical_finding_text"] = fields.pop("critical_finding", "")
        return _version(
            request, services.add_addendum(report.pk, reader=user, actor=actor_of(request), at=now(), **fields)
        )

    @extend_schema(request=CorrectionForm, responses={201: VersionSerializer})
    @action(detail=True, methods=["post"])
    def correct(self, request: Request, pk: str) -> Response:
        """Put a corrected text in the place of the final one; 409 when it was corrected since ``revision``."""
        form = CorrectionForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.SIGN_REPORTS)
        report = self.get_object()
        fields = dict(form.validated_data)
        upon = {name: fields.pop(name) for name in ("revision", "reason", "overrides")}
        version = services.correct(report.pk, reader=user, sections=fields, actor=actor_of(request), at=now(), **upon)
        return _version(request, version)

    @extend_schema(request=RetractionForm, responses={201: VersionSerializer})
    @action(detail=True, methods=["post"])
    def retract(self, request: Request, pk: str) -> Response:
        """Take the whole report back; receivers are told."""
        form = RetractionForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.RETRACT_REPORTS)
        report = self.get_object()
        version = services.retract(report.pk, reader=user, actor=actor_of(request), at=now(), **form.validated_data)
        return _version(request, version)

    def _opened(self) -> Report:
        report, user, at = self.get_object(), user_of(self.request), now()
        record(actor_of(self.request), "report.view", report, patient_id=report.procedure.order.patient_id, at=at)
        last = selectors.versions_for(user, report).last()
        if last is not None:
            mark_seen(user, report, last, at=at)
        return report
