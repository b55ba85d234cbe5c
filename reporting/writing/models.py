"""Templates with their versions, macros, and what was inserted into a report."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from ris.catalog.models import Procedure, Site
from worklist.models import ReadingItem


class ReportTemplate(models.Model):
    """A template, and for which exams it is. An empty condition holds for every exam; each that is set must hold."""

    CONTRAST = (("", "Any"), ("with", "With contrast"), ("without", "Without contrast"))
    SEXES = (("", "Any"), ("F", "Female"), ("M", "Male"))

    identifier = models.CharField(max_length=199, unique=True, help_text="dcterms.identifier (MRRT).")
    title = models.CharField(max_length=199)
    language = models.CharField(max_length=8, default="en", help_text="dcterms.language, such as en or de-DE.")
    procedure = models.ForeignKey(Procedure, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    modality = models.CharField(max_length=16, blank=True)
    region = models.CharField(max_length=32, blank=True, help_text="Body region, as in the catalog.")
    contrast = models.CharField(max_length=8, blank=True, choices=CONTRAST)
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    sex = models.CharField(max_length=1, blank=True, choices=SEXES)
    age_from = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Years, from this birthday on.")
    age_to = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Years, until before this birthday.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="report_templates",
        help_text="Empty: everybody's.",
    )  # fmt: skip
    active = models.BooleanField(default=True)
    number = models.PositiveIntegerField(default=0, help_text="Of the newest version.")

    class Meta:
        ordering: ClassVar = ["title", "pk"]

    def __str__(self) -> str:
        return self.title


class TemplateVersion(models.Model):
    """The text of a template as it was saved. Append-only: what was inserted from it can be looked up for good."""

    template = models.ForeignKey(ReportTemplate, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    technique = models.TextField(blank=True)
    comparison = models.TextField(blank=True)
    findings = models.TextField(blank=True)
    impression = models.TextField(blank=True)
    fields = models.JSONField(default=dict, help_text="What is known of [fields] beside their default, by name.")
    attributes = models.JSONField(default=dict, help_text="dcterms of MRRT: description, publisher, rights, creator …")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["template", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["template", "number"], name="template_version_once"),
        ]

    def __str__(self) -> str:
        return f"Version {self.number} of template {self.template_id}"


class Macro(models.Model):
    """A short word that stands for a text. Shared, or its owner's, whose goes before a shared one of the same word."""

    trigger = models.CharField(max_length=32, help_text="Typed as .trigger and expanded by Tab.")
    body = models.TextField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="macros",
        help_text="Empty: everybody's.",
    )  # fmt: skip
    version = models.PositiveIntegerField(default=1)
    used = models.PositiveIntegerField(default=0, help_text="How often it was expanded, nested or not.")
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["trigger", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(F("trigger"), Coalesce("owner", models.Value(0)), name="macro_trigger_once"),
        ]

    def __str__(self) -> str:
        return f".{self.trigger}"


class Insertion(models.Model):
    """Something that was inserted into the draft of a case: what, from where, and the words as they were then."""

    TEMPLATE, NORMAL, MACRO, MERGE, AI = "template", "normal", "macro", "merge", "ai"
    KINDS = (TEMPLATE, NORMAL, MACRO, MERGE, AI)

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="insertions")
    kind = models.CharField(max_length=8)
    name = models.CharField(max_length=199, help_text="Of the template, macro, merge field or algorithm.")
    version = models.ForeignKey(TemplateVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="uses")
    macro_version = models.PositiveIntegerField(null=True, blank=True)
    section = models.CharField(max_length=12, blank=True)
    text = models.TextField(blank=True)
    source = models.CharField(max_length=199, blank=True, help_text="Where a merge field read it.")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=["template", "normal", "macro", "merge", "ai"]), name="insertion_kind"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["item", "kind", "-at"], name="insertion_of_item")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
