"""Serializers of the set-up: readers, skills, privileges, clocks, escalation routes."""

from __future__ import annotations

import copy
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from ris.kernel.api import ModelForm
from worklist.models import AiPerformance, ClockStart, EscalationRoute, Privilege, ReaderProfile, SiteReading, Skill


class _SetUpSerializer(ModelForm[Any]):
    """Refuses what the model refuses, its constraints included, before the database does."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        made: Any = self.Meta.model
        row = made() if self.instance is None else copy.copy(self.instance)
        for name, value in attrs.items():
            setattr(row, name, value)
        try:
            row.full_clean()
        except ValidationError as error:
            raise serializers.ValidationError(error.message_dict) from None
        return attrs


def _words(help_text: str) -> Any:
    return serializers.ListField(child=serializers.CharField(max_length=32), required=False, help_text=help_text)


class ReaderProfileSerializer(_SetUpSerializer):
    """How much a reader takes at once, and how fast they read."""

    name = serializers.CharField(source="user.display_name", read_only=True)

    class Meta:
        model = ReaderProfile
        fields = [
            "id", "user", "name", "most_claims", "most_minutes", "pace", "seniority", "trainee", "team", "accepts_push",
        ]  # fmt: skip


class SkillSerializer(_SetUpSerializer):
    """A reader's skill in a subspecialty."""

    modalities = _words("Empty: all.")
    regions = _words("Body regions; empty: all.")

    class Meta:
        model = Skill
        fields = ["id", "reader", "subspecialty", "level", "modalities", "regions", "youngest", "oldest"]


class PrivilegeSerializer(_SetUpSerializer):
    """A reader's licence or privilege at a site."""

    class Meta:
        model = Privilege
        fields = ["id", "reader", "site", "kind", "number", "valid_from", "valid_until"]


class AiPerformanceSerializer(_SetUpSerializer):
    """The predictive value of an AI product at a site."""

    class Meta:
        model = AiPerformance
        fields = ["id", "vendor", "code", "site", "urgency", "ppv", "expires_minutes"]


class SiteReadingSerializer(_SetUpSerializer):
    """When cases of a site are opened for reading."""

    class Meta:
        model = SiteReading
        fields = ["id", "site", "opens_on", "images_within"]


class ClockStartSerializer(_SetUpSerializer):
    """The event with which the SLA clock starts."""

    class Meta:
        model = ClockStart
        fields = ["id", "site", "urgency", "modality", "event"]


class EscalationRouteSerializer(_SetUpSerializer):
    """Who is told of a rung, and how."""

    class Meta:
        model = EscalationRoute
        fields = ["id", "site", "rung", "urgency", "way", "address", "active"]
