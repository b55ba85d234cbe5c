"""Serializers of rule sets, and the forms in which rules are sent."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ris.catalog.models import Site
from ris.kernel.api import MomentField
from ris.kernel.errors import Invalid
from worklist.models import RuleSet
from worklist.rules.language.flaws import check
from worklist.rules.language.parser import parse
from worklist.rules.language.sentences import sentence


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
        """Each rule as an English sentence; none where they can be read no more, which is said among the flaws."""
        try:
            return [sentence(rule) for rule in parse(row.rules)]
        except Invalid:
            return []

    def get_flaws(self, row: RuleSet) -> list[dict[str, str]]:
        """What is wrong with the rules; of kind ``unreadable`` where the language no longer has what they say."""
        try:
            return flaws_of(row.rules)
        except Invalid as refusal:
            return [{"kind": "unreadable", "rule": refusal.at, "other": "", "sentence": refusal.detail}]


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
