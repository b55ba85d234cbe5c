"""Serializers of reading items and of what makes them urgent, and the forms of the calls on one."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ris.kernel.api import MomentField
from ris.kernel.clock import now
from ris.orders.models import Order
from ris.people.models import User
from ris.people.serializers import ReasonForm
from worklist.models import AiFlag, Escalation, Offer, Presence, PriorPlan, ReadingItem
from worklist.services import score_terms
from worklist.services.urgency.updates import MARKS


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


class MarkForm(serializers.Serializer[Any]):
    """A mark of an item to set or remove."""

    mark = serializers.ChoiceField(MARKS)
    on = serializers.BooleanField(default=True)


class PriorityForm(serializers.Serializer[Any]):
    """A new priority, and why."""

    priority = serializers.ChoiceField(Order.PRIORITIES)
    reason = serializers.CharField(max_length=250)


class AiResultForm(serializers.Serializer[Any]):
    """A result of an AI product."""

    vendor = serializers.CharField(max_length=64)
    code = serializers.CharField(max_length=64)
    positive = serializers.BooleanField()
    score = serializers.FloatField(required=False, allow_null=True)
    result_at = MomentField()


class AiResultByStudyForm(AiResultForm):
    """A result of an AI product; the case by accession number or Study Instance UID."""

    accession = serializers.CharField(max_length=16, required=False)
    study_uid = serializers.CharField(max_length=64, required=False)


class AiFlagSerializer(serializers.ModelSerializer[AiFlag]):
    """A result of an AI product about an item."""

    class Meta:
        model = AiFlag
        fields = ["id", "item", "vendor", "code", "positive", "score", "ppv", "result_at", "received_at", "expires_at"]


class HandOverForm(serializers.Serializer[Any]):
    """Whose cases are handed over, to whom, and why."""

    reader = serializers.PrimaryKeyRelatedField(queryset=User.objects.filter(is_active=True), required=False)
    to = serializers.PrimaryKeyRelatedField(
        queryset=User.objects.filter(is_active=True), required=False, allow_null=True, default=None
    )
    reason = serializers.CharField(max_length=250)


class HandedOver(serializers.Serializer[Any]):
    """Ids of the items that were handed over."""

    items = serializers.ListField(child=serializers.IntegerField())


class ReserveForm(serializers.Serializer[Any]):
    """For whom an item is reserved, and why."""

    reader = serializers.PrimaryKeyRelatedField(
        queryset=User.objects.filter(is_active=True), allow_null=True, help_text="null: for anybody again."
    )
    reason = serializers.CharField(max_length=250)


class PriorPlanSerializer(serializers.ModelSerializer[PriorPlan]):
    """A prior that was chosen for an exam, and why."""

    class Meta:
        model = PriorPlan
        fields = [
            "id", "study_uid", "prior", "day", "modality", "region", "side", "description", "score", "reasons", "state",
            "planned_at", "checked_at",
        ]  # fmt: skip


class OfferSerializer(serializers.ModelSerializer[Offer]):
    """An item that is offered to a reader for a time."""

    class Meta:
        model = Offer
        fields = ["id", "item", "reader", "offered_at", "until", "outcome"]


class EscalationSerializer(serializers.ModelSerializer[Escalation]):
    """A rung that an item has reached, and who acknowledged it."""

    accession = serializers.CharField(source="item.accession", read_only=True)
    due_at = serializers.DateTimeField(source="item.due_at", read_only=True)
    state = serializers.CharField(source="item.state", read_only=True)

    class Meta:
        model = Escalation
        fields = ["id", "item", "accession", "due_at", "state", "rung", "at", "acknowledged_by", "acknowledged_at"]


class PresenceSerializer(serializers.ModelSerializer[Presence]):
    """Whether a reader is available."""

    state = serializers.CharField(max_length=12, help_text="available, away, teaching or signed out.")

    class Meta:
        model = Presence
        fields = ["reader", "state", "since", "last_seen_at"]
        read_only_fields = ["reader", "since", "last_seen_at"]
