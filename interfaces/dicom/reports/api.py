"""Reports on their way to archives, over REST."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from ris.audit.services import record
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require
from ris.people.serializers import ReasonForm

from .. import states
from ..models import ReportSend
from . import services
from .selectors import send_for, sends_for


class ReportSendSerializer(serializers.ModelSerializer[ReportSend]):
    """One report object owed or sent to one archive."""

    archive = serializers.CharField(source="archive.name")
    accession = serializers.CharField(source="procedure.order.accession")
    form = serializers.ChoiceField(source="object.form", choices=["SR", "PDF"])
    version = serializers.IntegerField(source="object.version.number", help_text="Of the report.")
    kind = serializers.CharField(source="object.version.kind")
    sop_instance_uid = serializers.CharField(source="object.uid")

    class Meta:
        model = ReportSend
        fields = ["id", "archive", "accession", "form", "version", "kind", "sop_instance_uid", "way", "state",
                  "attempts", "error", "created_at", "due_at", "sent_at"]  # fmt: skip


class SendsQuery(serializers.Serializer[Any]):
    """Filters of the list of sends."""

    state = serializers.ChoiceField(choices=[states.QUEUED, states.SENT, states.SKIPPED], required=False)
    accession = serializers.CharField(max_length=16, required=False)


class ReportSendViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[ReportSend]):
    """Signed reports that are owed to archives, or were sent."""

    permission_classes = [IsAuthenticated]
    serializer_class = ReportSendSerializer
    queryset = ReportSend.objects.none()

    def get_queryset(self) -> QuerySet[ReportSend]:
        query = SendsQuery(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        require(user_of(self.request), Can.SEE_MESSAGES)
        sends, filters = sends_for(user_of(self.request)), query.validated_data
        if "state" in filters:
            sends = sends.filter(state=filters["state"])
        return sends.filter(procedure__order__accession=filters["accession"]) if "accession" in filters else sends

    @extend_schema(parameters=[SendsQuery], operation_id="dicom_report_sends")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first. Audited."""
        answer = super().list(request, *args, **kwargs)
        record(actor_of(request), "reports-out.view", user_of(request), at=now())
        return answer

    @extend_schema(request=ReasonForm, responses=ReportSendSerializer, operation_id="dicom_report_resend")
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str) -> Response:
        """Send it (again): the same instance."""
        return self._mend(request, pk, services.resend_report)

    @extend_schema(request=ReasonForm, responses=ReportSendSerializer, operation_id="dicom_report_skip")
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: str) -> Response:
        """Give it up; what comes after it goes on."""
        return self._mend(request, pk, services.skip_report)

    def _mend(self, request: Request, pk: str, service: Any) -> Response:
        require(user_of(request), Can.MEND_MESSAGES)
        send = send_for(user_of(request), int(pk), Can.MEND_MESSAGES)
        form = ReasonForm(data=request.data)
        form.is_valid(raise_exception=True)
        changed = service(send.pk, reason=form.validated_data["reason"], actor=actor_of(request), at=now())
        return Response(ReportSendSerializer(changed).data)
