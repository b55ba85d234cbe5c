"""Returns and notices of discrepancies, over REST."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require

from .. import services
from ..models import DiscrepancyNotice, ReportReturn
from .selectors import notices_for


class ReturnForm(serializers.Serializer[Any]):
    """What is to be revised."""

    note = serializers.CharField(max_length=500)


class ReturnSerializer(serializers.ModelSerializer[ReportReturn]):
    """A preliminary report that was given back to its author."""

    class Meta:
        model = ReportReturn
        fields = ["id", "report", "supervisor", "trainee", "note", "returned_at"]


class NoticeSerializer(serializers.ModelSerializer[DiscrepancyNotice]):
    """A discrepancy that somebody is told of; ``recipient`` null: an ordering provider without an account."""

    report = serializers.IntegerField(source="version.report_id", read_only=True)
    note = serializers.CharField(source="version.agreement_note", read_only=True)

    class Meta:
        model = DiscrepancyNotice
        fields = ["id", "report", "version", "recipient", "provider", "grade", "note", "told_at", "acknowledged_at"]


class ReturnView(APIView):
    """A trainee's preliminary report in the hands of its supervisor."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=ReturnForm, responses={201: ReturnSerializer})
    def post(self, request: Request, item_id: int) -> Response:
        """Give it back for revision; the case waits for its author."""
        form = ReturnForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.SIGN_REPORTS)
        row = services.return_report(item_id, reader=user, actor=actor_of(request), at=now(), **form.validated_data)
        return Response(ReturnSerializer(row).data, status=status.HTTP_201_CREATED)


class NoticeViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[DiscrepancyNotice]):
    """Notices of discrepancies to the caller, those that wait first."""

    permission_classes = [IsAuthenticated]
    serializer_class = NoticeSerializer
    queryset = DiscrepancyNotice.objects.none()

    def get_queryset(self) -> Any:
        require(user_of(self.request), Can.SEE_REPORTS)
        return notices_for(user_of(self.request))

    @extend_schema(request=None, responses=NoticeSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Say that it was read, or that its provider was told."""
        notice = self.get_object()
        done = services.acknowledge_notice(notice.pk, reader=user_of(request), actor=actor_of(request), at=now())
        return Response(NoticeSerializer(done).data)
