"""The hook for an engine, which logs on with a token of the reader for whom it listens."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.kernel.clock import now
from ris.people.http import user_of
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import selectors as worklist

from . import services


class EventForm(serializers.Serializer[Any]):
    """What an engine heard. ``text``: words, or next, prev, sign, pause. ``section`` left out: where the reader is."""

    kind = serializers.ChoiceField(["partial", "final", "command"])
    text = serializers.CharField(max_length=services.MOST_CHARACTERS, trim_whitespace=False)
    section = serializers.CharField(max_length=12, required=False, default="")


class DictationView(APIView):
    """Dictation into the report of a reading item."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, item_id: int) -> Response:
        """What the engine should know: section, labels of the template, words of the exam and of earlier reports."""
        user = user_of(request)
        require(user, Can.READ_CASES)
        return Response(asdict(services.engine_context(worklist.item_for(user, item_id).pk, reader=user)))

    @extend_schema(request=EventForm, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, item_id: int) -> Response:
        """Hand over words or a command for the open room; 409 unless the reader holds the case."""
        form = EventForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.READ_CASES)
        event = services.take_event(worklist.item_for(user, item_id).pk, reader=user, at=now(), **form.validated_data)
        return Response({"id": event.pk}, status=status.HTTP_202_ACCEPTED)
