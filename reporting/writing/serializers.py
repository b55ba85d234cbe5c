"""Templates, macros and insertions as JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from ris.kernel.api import IdField

from .models import Macro, ReportTemplate
from .mrrt.reading import SECTIONS
from .templates import newest_version


class TemplateSerializer(serializers.ModelSerializer[ReportTemplate]):
    """A template with the text of its newest version."""

    sections = serializers.SerializerMethodField()
    fields_known = serializers.SerializerMethodField()

    class Meta:
        model = ReportTemplate
        fields: ClassVar = [
            "id", "identifier", "title", "language", "procedure", "modality", "region", "contrast", "site", "sex",
            "age_from", "age_to", "owner", "active", "number", "sections", "fields_known",
        ]  # fmt: skip

    def get_sections(self, template: ReportTemplate) -> dict[str, str]:
        """Text with [fields], by section."""
        version = newest_version(template)
        return {name: getattr(version, name) for name in SECTIONS}

    def get_fields_known(self, template: ReportTemplate) -> dict[str, Any]:
        """What is known of fields beside their default."""
        known: dict[str, Any] = newest_version(template).fields
        return known


class TemplateForm(serializers.Serializer[Any]):
    """A template to be saved. ``fields_known``: name of a field → type, unit, code, element, min, max …"""

    title = serializers.CharField(max_length=199)
    language = serializers.CharField(max_length=8, required=False, default="en")
    sections = serializers.DictField(child=serializers.CharField(allow_blank=True, trim_whitespace=False))
    procedure = IdField(required=False, allow_null=True)
    modality = serializers.CharField(required=False, allow_blank=True)
    region = serializers.CharField(required=False, allow_blank=True)
    contrast = serializers.CharField(required=False, allow_blank=True)
    site = IdField(required=False, allow_null=True)
    sex = serializers.CharField(required=False, allow_blank=True)
    age_from = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=150)
    age_to = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=150)
    personal = serializers.BooleanField(required=False, default=False)
    fields_known = serializers.DictField(required=False)


class ImportForm(serializers.Serializer[Any]):
    """An MRRT file as text."""

    name = serializers.CharField(max_length=199, required=False, default="template.html")
    content = serializers.CharField(max_length=1_000_000, trim_whitespace=False)


class ImportedSerializer(serializers.Serializer[Any]):
    """What became of a file."""

    name = serializers.CharField()
    template = serializers.IntegerField(allow_null=True)
    repairs = serializers.ListField()
    refusal = serializers.CharField()


class MacroSerializer(serializers.ModelSerializer[Macro]):
    """A macro. ``shared``: everybody's."""

    shared = serializers.BooleanField(default=False, write_only=True)

    class Meta:
        model = Macro
        fields: ClassVar = ["id", "trigger", "body", "owner", "version", "used", "used_at", "shared"]
        read_only_fields: ClassVar = ["owner", "version", "used", "used_at"]
        validators: ClassVar[list[Any]] = []


class InsertForm(serializers.Serializer[Any]):
    """What to insert. ``kind``: normal, template, macro or merge; ``template``: an id, left out for the best that fits;
    ``name``: of a macro or merge field."""

    kind = serializers.ChoiceField(["normal", "template", "macro", "merge"])
    template = IdField(required=False, allow_null=True)
    name = serializers.CharField(required=False, default="", max_length=64)
    section = serializers.CharField(required=False, default="findings", max_length=12)
    arguments = serializers.DictField(child=serializers.CharField(max_length=500), required=False)


class InsertedSerializer(serializers.Serializer[Any]):
    """Words for the draft, by section."""

    sections = serializers.DictField(child=serializers.CharField())
    title = serializers.CharField()
    reason = serializers.CharField()
