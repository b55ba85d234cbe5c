"""Serializers of urgency, offers, escalations, presence, hand-over and priors."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ris.kernel.api import MomentField
from ris.orders.models import Order
from ris.people.models import User
from worklist.models import AiFlag, Escalation, Offer, Presence, PriorPlan
from worklist.services.urgency.updates import MARKS


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
