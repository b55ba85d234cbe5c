"""Destinations told of what happened before, over REST."""

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
from interfaces.hl7.models import BackFill
from interfaces.hl7.outbound import backfill
from ris.kernel.api import IdField, MomentField
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require
from ris.people.serializers import ReasonForm

from .messages import valid


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
        said = valid(form)
        to = selectors.destination_for(user_of(request), said["destination"])
        return to.pk, {"since": said["since"], "until": said["until"]}
