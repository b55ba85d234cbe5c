"""Values and sets as JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from .models import ElementSet, ReportValue


class ValueSerializer(serializers.ModelSerializer[ReportValue]):
    """A value; ``start`` and ``end`` count characters in the section of its version."""

    report = serializers.IntegerField(source="version.report_id", read_only=True)

    class Meta:
        model = ReportValue
        fields: ClassVar = ["id", "report", "version", "element", "name", "code", "number", "text", "unit", "section",
                            "start", "end", "source", "algorithm"]  # fmt: skip


class SetSerializer(serializers.ModelSerializer[ElementSet]):
    """An imported set and its template."""

    class Meta:
        model = ElementSet
        fields: ClassVar = ["id", "identifier", "name", "version", "template", "imported_at"]


class SetForm(serializers.Serializer[Any]):
    """A set as text (JSON)."""

    content = serializers.CharField(max_length=1_000_000, trim_whitespace=False)


class DecisionForm(serializers.Serializer[Any]):
    """An AI finding that is taken over, or rejected."""

    vendor = serializers.CharField(max_length=64)
    code = serializers.CharField(max_length=64)
    accept = serializers.BooleanField()
    section = serializers.CharField(max_length=12, required=False, default="findings")


class ComputedForm(serializers.Serializer[Any]):
    """The draft's text, by section."""

    sections = serializers.DictField(child=serializers.CharField(allow_blank=True, trim_whitespace=False))
