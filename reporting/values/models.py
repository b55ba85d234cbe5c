"""Sets of common data elements, values of released versions, and decisions about AI findings."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from worklist.models import ReadingItem


class ElementSet(models.Model):
    """A set of common data elements (RSNA/ACR RadElement JSON), as a person imported it."""

    identifier = models.CharField(max_length=32, unique=True, help_text="RDES and a number.")
    name = models.CharField(max_length=199)
    version = models.CharField(max_length=16, blank=True)
    content = models.JSONField(help_text="The file, as it came.")
    template = models.ForeignKey(
        "reporting.ReportTemplate", null=True, on_delete=models.SET_NULL, related_name="+",
        help_text="The template that was made of it.",
    )  # fmt: skip
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    imported_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class ReportValue(models.Model):
    """A value that a released version states. Its words are ``section[start:end]``; append-only, as the version is."""

    TYPED, PICKED, AI, COMPUTED = "typed", "picked", "AI", "computed"

    version = models.ForeignKey("reporting.ReportVersion", on_delete=models.PROTECT, related_name="values")
    element = models.CharField(max_length=64, help_text="RDE of the set, or the name of the field.")
    name = models.CharField(max_length=60)
    code = models.CharField(max_length=64, blank=True, help_text="Of a chosen value, such as RDE44.1.")
    number = models.FloatField(null=True, blank=True)
    text = models.CharField(max_length=500, help_text="The words in the report.")
    unit = models.CharField(max_length=32, blank=True, help_text="UCUM.")
    section = models.CharField(max_length=12)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    source = models.CharField(max_length=8)
    algorithm = models.CharField(max_length=130, blank=True, help_text="Of an AI finding.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "section", "start", "element"], name="report_value_once"),
            models.CheckConstraint(
                condition=Q(source__in=["typed", "picked", "AI", "computed"]), name="report_value_source"
            ),
            models.CheckConstraint(condition=Q(end__gt=models.F("start")), name="report_value_place"),
        ]
        indexes: ClassVar = [models.Index(fields=["element", "number"], name="report_value_element")]

    def __str__(self) -> str:
        return f"{self.element} of version {self.version_id}"


class AiDecision(models.Model):
    """What a reader did with an AI finding: taken over as it was, edited, or rejected; settled by the released text."""

    ACCEPTED, EDITED, REJECTED = "accepted", "edited", "rejected"

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="ai_decisions")
    vendor = models.CharField(max_length=64)
    code = models.CharField(max_length=64)
    decision = models.CharField(max_length=8)
    section = models.CharField(max_length=12, blank=True)
    text = models.CharField(max_length=300, blank=True, help_text="What was inserted.")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["item", "vendor", "code"], name="ai_decision_once"),
            models.CheckConstraint(
                condition=Q(decision__in=["accepted", "edited", "rejected"]), name="ai_decision_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.vendor} {self.code}: {self.decision}"
