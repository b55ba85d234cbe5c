"""Messages and destinations as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ris.kernel.api import IdField, MomentField

from .. import selectors
from ..models import InboundMessage, OutboundMessage, ReplayJob
from ..operations.message_filter import STATES
from . import message_view


class InboundSerializer(serializers.ModelSerializer[InboundMessage]):
    """A message that came in, without its text."""

    peer = serializers.CharField(source="peer.name", default="", read_only=True)

    class Meta:
        model = InboundMessage
        fields = [
            "id", "peer", "address", "received_at", "decided_at", "kind", "event", "control_id", "version", "charset",
            "state", "reason", "faults", "warnings", "effects", "answer_code", "patient", "accession", "placer_number",
            "duplicate_of", "edit_of",
        ]  # fmt: skip
        read_only_fields = fields


class InboundDetail(InboundSerializer):
    """The same with its text, its fields by name, and its answer."""

    text = serializers.SerializerMethodField()
    answer_text = serializers.SerializerMethodField()
    segments = serializers.SerializerMethodField()

    class Meta(InboundSerializer.Meta):
        fields = [*InboundSerializer.Meta.fields, "text", "answer_text", "segments"]
        read_only_fields = fields

    def get_text(self, row: InboundMessage) -> str:
        """The message for display, one segment a line."""
        return message_view.decode_for_display(bytes(row.raw), row.charset)

    def get_answer_text(self, row: InboundMessage) -> str:
        """The answer for display, one segment a line."""
        return message_view.decode_for_display(bytes(row.answer or b""))

    def get_segments(self, row: InboundMessage) -> list[dict[str, Any]]:
        """The message's segments with the names of their fields."""
        return [
            {
                "name": segment.name,
                "fields": [{"place": f.place, "name": f.name, "text": f.text} for f in segment.fields],
            }
            for segment in message_view.parse_for_display(bytes(row.raw), row.charset)
        ]


class OutboundSerializer(serializers.ModelSerializer[OutboundMessage]):
    """A message that goes out, without its text."""

    destination = serializers.CharField(source="destination.name", read_only=True)
    accession = serializers.CharField(source="lane", read_only=True)

    class Meta:
        model = OutboundMessage
        fields = [
            "id", "destination", "accession", "kind", "control_id", "state", "attempts", "failures", "error",
            "warnings",
            "answer_code", "created_at", "prepared_at", "retry_at", "sent_at", "patient", "report_version",
        ]  # fmt: skip
        read_only_fields = fields


class OutboundDetail(OutboundSerializer):
    """The same with its text and the peer's answer."""

    text = serializers.SerializerMethodField()
    answer_text = serializers.SerializerMethodField()

    class Meta(OutboundSerializer.Meta):
        fields = [*OutboundSerializer.Meta.fields, "text", "answer_text"]
        read_only_fields = fields

    def get_text(self, row: OutboundMessage) -> str:
        """The message for display, one segment a line."""
        return message_view.decode_for_display(bytes(row.raw))

    def get_answer_text(self, row: OutboundMessage) -> str:
        """The receiver's answer for display, one segment a line."""
        return message_view.decode_for_display(bytes(row.answer or b""))


class TallySerializer(serializers.Serializer[selectors.Tally]):
    """How many messages are in a state, and since when."""

    state = serializers.CharField()
    count = serializers.IntegerField()
    oldest = serializers.DateTimeField(allow_null=True)


class DestinationSerializer(serializers.Serializer[selectors.QueueTally]):
    """A destination and its queue."""

    id = serializers.IntegerField(source="destination.pk")
    name = serializers.CharField(source="destination.name")
    host = serializers.CharField(source="destination.host")
    port = serializers.IntegerField(source="destination.port")
    enabled = serializers.BooleanField(source="destination.enabled")
    kinds = serializers.ListField(source="destination.kinds", child=serializers.CharField())
    filters = serializers.DictField(source="destination.filters", help_text="Only what matches: site, modality …")
    options = serializers.DictField(source="destination.options", help_text="How it wants it.")
    paused_at = serializers.DateTimeField(source="destination.paused_at", allow_null=True)
    paused_reason = serializers.CharField(source="destination.paused_reason")
    failures = serializers.IntegerField(source="destination.failures")
    retry_at = serializers.DateTimeField(source="destination.retry_at", allow_null=True)
    last_error = serializers.CharField(source="destination.last_error")
    last_sent_at = serializers.DateTimeField(source="destination.last_sent_at", allow_null=True)
    waiting = serializers.IntegerField()
    oldest = serializers.DateTimeField(allow_null=True)
    tallies = TallySerializer(many=True)


class DestinationOptionsForm(serializers.Serializer[Any]):
    """What of a destination is set anew; what is left out stays."""

    kinds = serializers.ListField(child=serializers.CharField(max_length=64), required=False)
    filters = serializers.DictField(required=False)
    options = serializers.DictField(required=False)


class ChangeSerializer(serializers.Serializer[Any]):
    """One row that a message changed."""

    action = serializers.CharField()
    subject = serializers.CharField()
    subject_id = serializers.CharField()
    detail = serializers.DictField()


class PreviewSerializer(serializers.Serializer[Any]):
    """What a message would do."""

    state = serializers.CharField()
    answer_code = serializers.CharField()
    reason = serializers.CharField()
    faults = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    warnings = serializers.ListField(child=serializers.CharField())
    effects = serializers.ListField(child=serializers.ListField())
    changes = ChangeSerializer(many=True)
    answer = serializers.CharField()


class PreviewForm(serializers.Serializer[Any]):
    """A message to try without storing anything."""

    text = serializers.CharField(required=False, trim_whitespace=False, help_text="Edited text; left out: as it came.")


class ReplayForm(PreviewForm):
    """A message to replay, and why."""

    reason = serializers.CharField(max_length=250)


class InboundQuery(serializers.Serializer[Any]):
    """What to list."""

    state = serializers.ChoiceField(STATES, required=False, help_text="attention: what a person has to look at.")
    kind = serializers.CharField(required=False, help_text="MSH-9.1, such as ORM.")
    event = serializers.CharField(required=False, help_text="MSH-9.2, such as O01.")
    control_id = serializers.CharField(required=False)
    accession = serializers.CharField(required=False)
    patient_id = IdField(required=False)
    peer_id = IdField(required=False)
    since = MomentField(required=False)
    until = MomentField(required=False)


class ReplayManyForm(InboundQuery):
    """Which messages to take again, and why."""

    reason = serializers.CharField(max_length=250)


class CountedSerializer(serializers.Serializer[Any]):
    """What a replay would take again."""

    total = serializers.IntegerField()
    by_state = serializers.DictField(child=serializers.IntegerField())
    first = serializers.DateTimeField(allow_null=True)
    last = serializers.DateTimeField(allow_null=True)


class ReplayJobSerializer(serializers.ModelSerializer[ReplayJob]):
    """A bulk replay with its progress and outcomes."""

    percent = serializers.IntegerField(read_only=True)

    class Meta:
        model = ReplayJob
        fields = [
            "id", "state", "asked", "total", "done", "percent", "outcomes", "reason", "actor", "created_at", "moved_at",
            "ended_at",
        ]  # fmt: skip
        read_only_fields = fields


class OutboundQuery(serializers.Serializer[Any]):
    """What to list."""

    state = serializers.CharField(required=False, help_text="A state, or undelivered: reports that nobody accepted.")
    kind = serializers.CharField(required=False)
    destination_id = IdField(required=False)
    accession = serializers.CharField(required=False)
    control_id = serializers.CharField(required=False)
    patient_id = IdField(required=False)
    since = MomentField(required=False)
    until = MomentField(required=False)
