"""What the calls about urgency, roster and rules are asked with, and how their things are shown."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ris.catalog.models import Site, Subspecialty
from ris.kernel.api import DayField, ModelForm, MomentField
from ris.orders.models import Order
from ris.people.models import User
from worklist.models import AiFlag, Escalation, Holiday, Offer, Presence, PriorPlan, RuleSet, Shift, ShiftChange
from worklist.rules.language.flaws import check
from worklist.rules.language.parser import parse
from worklist.rules.language.sentences import sentence
from worklist.services.urgency.facts import MARKS


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


class ShiftChangeSerializer(ModelForm[ShiftChange]):
    """One day of a shift that is otherwise."""

    class Meta:
        model = ShiftChange
        fields = ["id", "day", "kind", "substitute", "reason", "made_at"]
        read_only_fields = ["id", "made_at"]


class ShiftSerializer(ModelForm[Shift]):
    """A recurring shift with its changes."""

    reader_name = serializers.CharField(source="reader.display_name", read_only=True)
    sites = serializers.PrimaryKeyRelatedField(many=True, queryset=Site.objects.all(), required=False)
    subspecialties = serializers.PrimaryKeyRelatedField(many=True, queryset=Subspecialty.objects.all(), required=False)
    changes = ShiftChangeSerializer(many=True, read_only=True)

    class Meta:
        model = Shift
        fields = [
            "id", "reader", "reader_name", "name", "kind", "zone", "first_day", "last_day", "start_time", "end_time",
            "rrule", "breaks", "sites", "subspecialties", "holidays", "uid", "active", "changes", "version",
        ]  # fmt: skip
        read_only_fields = ["uid", "active", "version"]


class EndForm(serializers.Serializer[Any]):
    """The last day of a shift."""

    last_day = DayField()


class HolidaySerializer(ModelForm[Holiday]):
    """A holiday of a site, or of all."""

    class Meta:
        model = Holiday
        fields = ["id", "day", "name", "site"]


class CalendarForm(serializers.Serializer[Any]):
    """A reader's shifts as iCalendar (RFC 5545)."""

    reader = serializers.PrimaryKeyRelatedField(queryset=User.objects.filter(is_active=True))
    calendar = serializers.CharField(max_length=2_000_000, trim_whitespace=False)


class RuleSetSerializer(serializers.ModelSerializer[RuleSet]):
    """A version, with its rules as sentences and what is wrong with them."""

    sentences = serializers.SerializerMethodField()
    flaws = serializers.SerializerMethodField()

    class Meta:
        model = RuleSet
        fields = [
            "id", "site", "number", "state", "rules", "note", "in_force_from", "in_force_until", "made_by", "made_at",
            "sentences", "flaws",
        ]  # fmt: skip
        read_only_fields = ["number", "state", "in_force_from", "in_force_until", "made_by", "made_at"]

    def get_sentences(self, row: RuleSet) -> list[str]:
        """Each rule as an English sentence."""
        return [sentence(rule) for rule in parse(row.rules)]

    def get_flaws(self, row: RuleSet) -> list[dict[str, str]]:
        """What is wrong with the rules."""
        return flaws_of(row.rules)


def flaws_of(rules: Any) -> list[dict[str, str]]:
    """The flaws of rules given as plain values."""
    found = check(parse(rules))
    return [{"kind": f.kind, "rule": f.rule, "other": f.other, "sentence": f.sentence} for f in found]


class RulesForm(serializers.Serializer[Any]):
    """Rules as JSON (``rules``) or as YAML (``yaml``)."""

    rules = serializers.JSONField(required=False)
    yaml = serializers.CharField(required=False, max_length=500_000, trim_whitespace=False)
    site = serializers.PrimaryKeyRelatedField(
        queryset=Site.objects.all(), required=False, allow_null=True, default=None
    )
    note = serializers.CharField(required=False, max_length=250, default="", allow_blank=True)


class TryForm(RulesForm):
    """Rules to try on the cases of a time in the past."""

    since = MomentField()
    until = MomentField()
