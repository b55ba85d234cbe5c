"""Serializers of reading items, and the forms of the calls on one."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ris.kernel.api import MomentField
from ris.kernel.clock import now
from ris.people.serializers import ReasonForm
from worklist.models import ReadingItem
from worklist.services import score_terms


class ItemSerializer(serializers.ModelSerializer[ReadingItem]):
    """A reading item, with what a list shows of its patient and exam."""

    patient = serializers.SerializerMethodField()
    description = serializers.CharField(source="procedure.__str__", read_only=True)
    order = serializers.IntegerField(source="procedure.order_id", read_only=True)
    study_uid = serializers.CharField(source="procedure.image_study_uid", read_only=True)
    site = serializers.CharField(source="site.code", read_only=True)
    subspecialty = serializers.CharField(source="subspecialty.code", default="", read_only=True)
    urgency_name = serializers.CharField(source="get_urgency_display", read_only=True)
    reader_name = serializers.CharField(source="reader.display_name", default="", read_only=True)
    score = serializers.SerializerMethodField()
    terms = serializers.SerializerMethodField()

    class Meta:
        model = ReadingItem
        fields = [
            "id", "state", "version", "accession", "order", "procedure", "study_uid", "description", "patient",
            "site", "modality", "region", "subspecialty", "priority", "urgency", "urgency_name", "marks",
            "reading_minutes", "rvu", "opened_at", "due_at", "sla_minutes", "reader", "reader_name", "claimed_at",
            "lease_until", "assigned_to", "reserved_for", "preliminary_by", "parked_until", "park_reason",
            "finished_at", "score", "terms",
        ]  # fmt: skip

    def get_patient(self, item: ReadingItem) -> dict[str, Any]:
        """The patient's name, birth date and sex."""
        patient = item.procedure.order.patient
        return {"id": patient.pk, "name": patient.display_name, "birth_date": patient.birth_date, "sex": patient.sex}

    def get_score(self, item: ReadingItem) -> float:
        """The score now; items are read by falling score."""
        return round(sum(score_terms(item, now()).values()), 4)

    def get_terms(self, item: ReadingItem) -> dict[str, float]:
        """The parts of the score by name."""
        return {name: round(value, 4) for name, value in score_terms(item, now()).items()}


class MaybeReasonForm(serializers.Serializer[Any]):
    """A reason, which may be empty."""

    reason = serializers.CharField(max_length=250, required=False, default="", allow_blank=True)


class ParkForm(ReasonForm):
    """Until when an item is parked, and why."""

    until = MomentField()
    stop_clock = serializers.BooleanField(default=False, help_text="Let the SLA clock stand still meanwhile.")


class HeartbeatSerializer(serializers.Serializer[Any]):
    """Whether the caller still holds the item, and until when."""

    held = serializers.BooleanField()
    lease_until = serializers.DateTimeField(allow_null=True)
