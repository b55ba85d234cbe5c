"""Jobs over REST: many messages taken again, and destinations told of what happened before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from interfaces.hl7 import selectors
from interfaces.hl7.models import BackFill, ReplayJob
from interfaces.hl7.operations import bulk_replay
from interfaces.hl7.operations.message_filter import MessageFilter
from interfaces.hl7.outbound import backfill
from ris.kernel.api import IdField, MomentField
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
        form = valid(ReplayManyForm(data=request.data))
        reason, sites = form.pop("reason"), selectors.sites_seen(user_of(request))
        job = bulk_replay.start(MessageFilter(**form), sites, reason=reason, actor=actor_of(request), at=now())
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


class RangeForm(serializers.Serializer[Any]):
    """Which destination, and from when to before when the facts are."""

    destination = IdField()
    since = MomentField()
    until = MomentField()


class BackFillForm(RangeForm, ReasonForm):
    """The range of a back-fill, and why it is done."""


class OwedSerializer(serializers.Serializer[backfill.Counted]):
    """Facts in the range; of the first ``looked_at`` the messages that would be queued, and those known already."""

    facts = serializers.IntegerField()
    looked_at = serializers.IntegerField()
    total = serializers.IntegerField()
    kinds = serializers.DictField(child=serializers.IntegerField())
    known = serializers.IntegerField()


class BackFillSerializer(serializers.ModelSerializer[BackFill]):
    """A back-fill with its progress."""

    percent = serializers.IntegerField(read_only=True)

    class Meta:
        model = BackFill
        fields = [
            "id", "destination", "state", "since", "until", "total", "done", "percent", "owed", "reason", "actor",
            "created_at", "ended_at",
        ]  # fmt: skip
        read_only_fields = fields


class BackFillViewSet(viewsets.ViewSet):
    """A destination told of what happened before: a job that survives whoever works at it."""

    permission_classes = [IsAuthenticated]
    queryset = BackFill.objects.none()  # says in the schema what {id} is

    @extend_schema(responses=BackFillSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The latest, newest first."""
        require(user_of(request), Can.SEE_MESSAGES)
        return Response(BackFillSerializer(BackFill.objects.all()[:100], many=True).data)

    @extend_schema(responses=BackFillSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """How far one is."""
        require(user_of(request), Can.SEE_MESSAGES)
        return Response(BackFillSerializer(selectors.one_of(BackFill.objects.all(), int(pk))).data)

    @extend_schema(request=RangeForm, responses=OwedSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What would be queued. Changes nothing."""
        pk, span = self._range(request, RangeForm(data=request.data))
        return Response(OwedSerializer(backfill.count(pk, **span, most=backfill.LOOKED_AT)).data)

    @extend_schema(request=BackFillForm, responses={201: BackFillSerializer})
    def create(self, request: Request) -> Response:
        """Queue it, in the order of the facts."""
        form = BackFillForm(data=request.data)
        pk, span = self._range(request, form)
        reason = form.validated_data["reason"]
        job = backfill.start(pk, **span, reason=reason, actor=actor_of(request), at=now())
        return Response(BackFillSerializer(job).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ReasonForm, responses=BackFillSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Queue no more of it."""
        require(user_of(request), Can.MEND_MESSAGES)
        form = valid(ReasonForm(data=request.data))
        job = backfill.halt(int(pk), reason=form["reason"], actor=actor_of(request), at=now())
        return Response(BackFillSerializer(job).data)

    def _range(self, request: Request, form: RangeForm) -> tuple[int, dict[str, datetime]]:
        require(user_of(request), Can.MEND_MESSAGES)
        given = valid(form)
        to = selectors.destination_for(user_of(request), given["destination"])
        return to.pk, {"since": given["since"], "until": given["until"]}
