"""Messages and destinations over REST, for interface analysts and their scripts."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from interfaces.hl7 import selectors
from interfaces.hl7.models import Destination, InboundMessage, OutboundMessage
from interfaces.hl7.operations import services
from interfaces.hl7.operations.message_filter import MessageFilter
from interfaces.hl7.outbound.options import change_destination_options
from ris.audit.services import record
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require
from ris.people.serializers import ReasonForm

from ..pages_message_list import UNDELIVERED
from ..serializers import (
    DestinationOptionsForm,
    DestinationSerializer,
    InboundDetail,
    InboundQuery,
    InboundSerializer,
    OutboundDetail,
    OutboundQuery,
    OutboundSerializer,
    PreviewForm,
    PreviewSerializer,
    ReplayForm,
)


class InboundViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[InboundMessage]):
    """Messages that came in: what became of each, and why."""

    permission_classes = [IsAuthenticated]
    serializer_class = InboundSerializer
    queryset = InboundMessage.objects.none()

    def get_queryset(self) -> QuerySet[InboundMessage]:
        query = InboundQuery(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        return MessageFilter(**query.validated_data).filter_rows(selectors.inbound_for(user_of(self.request)))

    @extend_schema(parameters=[InboundQuery])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(responses=InboundDetail)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One message with its text, its fields by name, and its answer; seeing it is audited."""
        message = selectors.inbound_message(user_of(request), int(pk))
        record(actor_of(request), "hl7.view", message, patient_id=message.patient_id, at=now())
        return Response(InboundDetail(message).data)

    @extend_schema(request=PreviewForm, responses=PreviewSerializer)
    @action(detail=True, methods=["post"])
    def preview(self, request: Request, pk: str) -> Response:
        """What a replay (with this text) would change. Changes nothing."""
        message = self._mendable(pk)
        form = valid(PreviewForm(data=request.data))
        preview = services.preview_replay(message.pk, text=form.get("text"), at=now())
        return Response(PreviewSerializer(preview).data)

    @extend_schema(request=ReplayForm, responses={201: InboundSerializer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:
        """Take it again, as it came or with another text."""
        message = self._mendable(pk)
        form = valid(ReplayForm(data=request.data))
        copy = services.replay(
            message.pk, text=form.get("text"), reason=form["reason"], actor=actor_of(request), at=now()
        )
        return Response(InboundSerializer(copy).data, status=status.HTTP_201_CREATED)

    def _mendable(self, pk: str) -> InboundMessage:
        require(user_of(self.request), Can.MEND_MESSAGES)
        return selectors.inbound_message(user_of(self.request), int(pk))


class OutboundViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[OutboundMessage]):
    """Messages that go out, and how far they are."""

    permission_classes = [IsAuthenticated]
    serializer_class = OutboundSerializer
    queryset = OutboundMessage.objects.none()

    def get_queryset(self) -> QuerySet[OutboundMessage]:
        query = OutboundQuery(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        asked, viewer = dict(query.validated_data), user_of(self.request)
        if asked.get("state") != UNDELIVERED:
            return selectors.outbound_for(viewer, **asked)
        late = selectors.undelivered_for(viewer, at=now()).values("pk")
        return selectors.outbound_for(viewer, **(asked | {"state": ""})).filter(pk__in=late)

    @extend_schema(parameters=[OutboundQuery])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(responses=OutboundDetail)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One message with its text and the peer's answer; seeing it is audited."""
        message = selectors.outbound_message(user_of(request), int(pk))
        record(actor_of(request), "hl7.view", message, patient_id=message.patient_id, at=now())
        return Response(OutboundDetail(message).data)

    @extend_schema(request=ReasonForm, responses=OutboundSerializer)
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str) -> Response:
        """Send it (again)."""
        return self._mend(request, pk, services.resend)

    @extend_schema(request=ReasonForm, responses=OutboundSerializer)
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: str) -> Response:
        """Give it up; its lane goes on."""
        return self._mend(request, pk, services.skip)

    def _mend(self, request: Request, pk: str, service: Any) -> Response:
        require(user_of(request), Can.MEND_MESSAGES)
        message = selectors.outbound_message(user_of(request), int(pk))
        form = valid(ReasonForm(data=request.data))
        changed = service(message.pk, reason=form["reason"], actor=actor_of(request), at=now())
        return Response(OutboundSerializer(changed).data)


class DestinationViewSet(viewsets.ViewSet):
    """Systems that we send to, with their queues."""

    permission_classes = [IsAuthenticated]
    queryset = Destination.objects.none()  # says in the schema what {id} is

    @extend_schema(responses=DestinationSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Every destination, what waits for it and since when."""
        return Response([DestinationSerializer(queue).data for queue in selectors.queues(user_of(request))])

    @extend_schema(request=DestinationOptionsForm, responses=DestinationSerializer(many=True))
    def partial_update(self, request: Request, pk: str) -> Response:
        """Set which messages it wants (kinds), of what (filters) and how (options), all at once or none."""
        destination = self._mendable(request, pk)
        form = valid(DestinationOptionsForm(data=request.data))
        values = {name: form.get(name, getattr(destination, name)) for name in ("kinds", "filters", "options")}
        change_destination_options(destination.pk, **values, actor=actor_of(request), at=now())
        return self.list(request)

    @extend_schema(request=ReasonForm, responses=DestinationSerializer(many=True))
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Send nothing until it is resumed."""
        destination = self._mendable(request, pk)
        form = valid(ReasonForm(data=request.data))
        services.pause(destination.pk, reason=form["reason"], actor=actor_of(request), at=now())
        return self.list(request)

    @extend_schema(request=None, responses=DestinationSerializer(many=True))
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Send again."""
        services.resume(self._mendable(request, pk).pk, actor=actor_of(request), at=now())
        return self.list(request)

    def _mendable(self, request: Request, pk: str) -> Destination:
        require(user_of(request), Can.MEND_MESSAGES)
        return selectors.destination_for(user_of(request), int(pk))


def valid(form: Any) -> dict[str, Any]:
    """The form's validated values; raises the framework's error, answered with 400."""
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)
