"""Senders and their translation tables over REST."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from interfaces.hl7 import selectors
from interfaces.hl7.inbound.senders import set_up
from interfaces.hl7.models import MapEntry, Peer, UnknownValue
from interfaces.hl7.translation.code_tables import unknown_values_of
from interfaces.hl7.translation.table_entries import COLUMNS, drop_entry, export_csv, import_csv, set_entry
from ris.kernel.clock import now
from ris.kernel.values import read_id, read_number
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require

from ..forms import FIELDS, PeerSettings
from .messages import valid


class PeerSerializer(serializers.ModelSerializer[Peer]):
    """A sender, and how its messages are taken. Name, application and addresses are an administrator's."""

    attributes = serializers.DictField(child=serializers.CharField(), required=False)
    ignored_events = serializers.ListField(child=serializers.CharField(max_length=7), required=False)

    class Meta:
        model = Peer
        fields = [
            "id",
            "name",
            "application",
            "facility",
            "site",
            "enabled",
            "flagged",
            "version",
            "clock_ahead_s",
            *FIELDS,
        ]
        read_only_fields = ["name", "application", "facility", "site", "enabled", "flagged", "clock_ahead_s"]


class MapEntrySerializer(serializers.ModelSerializer[MapEntry]):
    """One line; ``peer`` null: it holds for all peers, after their own lines."""

    class Meta:
        model = MapEntry
        fields = ["id", "peer", "table", "given", "meant", "text"]
        validators: list[Any] = []  # the line with the same value gives way
        extra_kwargs = {"peer": {"required": False}, "meant": {"allow_blank": True}}


class UnknownSerializer(serializers.ModelSerializer[UnknownValue]):
    """A value that no table knows, and how often it came."""

    class Meta:
        model = UnknownValue
        fields = ["table", "given", "text", "times", "first_at", "last_at"]


class CsvForm(serializers.Serializer[Any]):
    """A code table as CSV."""

    text = serializers.CharField(trim_whitespace=False, help_text=f"Columns {', '.join(COLUMNS)}.")


class PeerViewSet(viewsets.ViewSet):
    """Systems that send to us."""

    permission_classes = [IsAuthenticated]
    queryset = Peer.objects.none()  # says in the schema what {id} is

    @extend_schema(responses=PeerSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Every sender that the caller may see."""
        return Response(PeerSerializer(selectors.peers_for(user_of(request)), many=True).data)

    @extend_schema(responses=PeerSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One peer."""
        return Response(PeerSerializer(selectors.peer_for(user_of(request), int(pk))).data)

    @extend_schema(request=PeerSerializer, responses=PeerSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change settings, all at once or none. ``version`` is the one they were read in."""
        peer = self._mendable(request, pk)
        given: dict[str, Any] = dict(request.data)
        settings = {name: given.get(name, getattr(peer, name)) for name in FIELDS}
        form = PeerSettings(settings, instance=peer)
        if not form.is_valid():
            raise serializers.ValidationError({name: [str(e) for e in errors] for name, errors in form.errors.items()})
        version = read_number(given.get("version", ""), at="version")
        changed = set_up(peer.pk, form.cleaned_data, version=version, actor=actor_of(request), at=now())
        return Response(PeerSerializer(changed).data)

    @extend_schema(responses=UnknownSerializer(many=True))
    @action(detail=True)
    def unknown(self, request: Request, pk: str) -> Response:
        """Values that it sent and nobody mapped, the most frequent first."""
        peer = selectors.peer_for(user_of(request), int(pk))
        return Response(UnknownSerializer(unknown_values_of(peer), many=True).data)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=True)
    def tables(self, request: Request, pk: str) -> HttpResponse:
        """Its translation tables as CSV."""
        peer = selectors.peer_for(user_of(request), int(pk))
        return HttpResponse(export_csv(peer.pk), content_type="text/csv; charset=utf-8")

    @extend_schema(request=CsvForm, responses={200: None})
    @tables.mapping.put
    def replace_tables(self, request: Request, pk: str) -> Response:
        """Let its translation tables be what the CSV says; refused with every bad line and column, if there is one."""
        peer = self._mendable(request, pk)
        form = valid(CsvForm(data=request.data))
        count = import_csv(peer.pk, form["text"], actor=actor_of(request), at=now())
        return Response({"lines": count})

    def _mendable(self, request: Request, pk: str) -> Peer:
        require(user_of(request), Can.MEND_MESSAGES)
        return selectors.peer_for(user_of(request), int(pk))


class MapEntryViewSet(viewsets.ViewSet):
    """Lines of translation tables. ``?peer=`` the lines of one sender; without it those for all."""

    permission_classes = [IsAuthenticated]
    queryset = MapEntry.objects.none()  # says in the schema what {id} is

    @extend_schema(responses=MapEntrySerializer(many=True), parameters=[OpenApiParameter("peer", int)])
    def list(self, request: Request) -> Response:
        """Map entries; of one peer with ``?peer=``."""
        peer = request.query_params.get("peer", "")
        rows = selectors.entries_for(user_of(request), read_id(peer, at="peer") if peer else None)
        return Response(MapEntrySerializer(rows, many=True).data)

    @extend_schema(responses=MapEntrySerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One map entry."""
        return Response(MapEntrySerializer(selectors.entry_for(user_of(request), int(pk))).data)

    @extend_schema(request=MapEntrySerializer, responses={201: MapEntrySerializer})
    def create(self, request: Request) -> Response:
        """Write a line; the one with the same table and value gives way."""
        return Response(self._set(request), status=status.HTTP_201_CREATED)

    @extend_schema(request=MapEntrySerializer, responses=MapEntrySerializer)
    def update(self, request: Request, pk: str) -> Response:
        """Write a line in the place of this one."""
        old = selectors.entry_for(user_of(request), int(pk))
        self._may_mend(request, old.peer_id)
        with transaction.atomic():
            drop_entry(old.pk, actor=actor_of(request), at=now())
            return Response(self._set(request))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Take it out."""
        entry = selectors.entry_for(user_of(request), int(pk))
        self._may_mend(request, entry.peer_id)
        drop_entry(entry.pk, actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _set(self, request: Request) -> dict[str, Any]:
        line = valid(MapEntrySerializer(data=request.data))
        peer: Peer | None = line.pop("peer", None)
        self._may_mend(request, peer.pk if peer else None)
        written = set_entry(peer.pk if peer else None, **line, actor=actor_of(request), at=now())
        return dict(MapEntrySerializer(written).data)

    def _may_mend(self, request: Request, peer_id: int | None) -> None:
        user = user_of(request)
        require(user, Can.MEND_MESSAGES)
        if peer_id is None:
            selectors.require_house(user)
        else:
            selectors.peer_for(user, peer_id)
