"""Many messages taken again, over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from interfaces.hl7 import selectors
from interfaces.hl7.models import ReplayJob
from interfaces.hl7.operations import bulk_replay
from interfaces.hl7.operations.message_filter import MessageFilter
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require
from ris.people.serializers import ReasonForm

from ..serializers import CountedSerializer, InboundQuery, ReplayJobSerializer, ReplayManyForm
from .messages import valid


class ReplayJobViewSet(viewsets.ViewSet):
    """Many messages taken again: a job that survives whoever works at it."""

    permission_classes = [IsAuthenticated]
    queryset = ReplayJob.objects.none()  # says in the schema what {id} is

    @extend_schema(responses=ReplayJobSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The latest, newest first."""
        return Response(ReplayJobSerializer(selectors.replay_jobs(user_of(request)), many=True).data)

    @extend_schema(responses=ReplayJobSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """How far one is."""
        return Response(ReplayJobSerializer(selectors.replay_job(user_of(request), int(pk))).data)

    @extend_schema(request=InboundQuery, responses=CountedSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """How many messages that would be. Changes nothing."""
        require(user_of(request), Can.MEND_MESSAGES)
        asked = MessageFilter(**valid(InboundQuery(data=request.data)))
        return Response(CountedSerializer(bulk_replay.count(asked, selectors.sites_seen(user_of(request)))).data)

    @extend_schema(request=ReplayManyForm, responses={201: ReplayJobSerializer})
    def create(self, request: Request) -> Response:
        """Take them again, oldest first."""
        require(user_of(request), Can.MEND_MESSAGES)
        said = valid(ReplayManyForm(data=request.data))
        reason, sites = said.pop("reason"), selectors.sites_seen(user_of(request))
        job = bulk_replay.start(MessageFilter(**said), sites, reason=reason, actor=actor_of(request), at=now())
        return Response(ReplayJobSerializer(job).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ReasonForm, responses=ReplayJobSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Take no more of them."""
        job = self._mendable(request, pk)
        form = valid(ReasonForm(data=request.data))
        halted = bulk_replay.halt(job.pk, reason=form["reason"], actor=actor_of(request), at=now())
        return Response(ReplayJobSerializer(halted).data)

    @extend_schema(request=None, responses=ReplayJobSerializer)
    @action(detail=True, methods=["post"], url_path="go-on")
    def go_on(self, request: Request, pk: str) -> Response:
        """Go on where it was stopped."""
        job = bulk_replay.go_on(self._mendable(request, pk).pk, actor=actor_of(request), at=now())
        return Response(ReplayJobSerializer(job).data)

    def _mendable(self, request: Request, pk: str) -> ReplayJob:
        require(user_of(request), Can.MEND_MESSAGES)
        return selectors.replay_job(user_of(request), int(pk))
