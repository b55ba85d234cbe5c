"""Words that are in no report yet: texts of boxes that were not sent, and drafts that changed hands unsigned."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from worklist.models import ReadingItem

from .reports import Report


class TextDraft(models.Model):
    """What a person typed into a box about a case and has not signed or sent.

    ``report``: words that could not be saved into the report, because the case or its draft was another's by then; any
    number of a person. Of each other kind a person has one open text a case. ``fields``: name of a field → its text.
    ``version`` grows with each save, so that two windows never overwrite one another. Closed texts stay.
    """

    REPORT, ADDENDUM, CORRECTION, COMMUNICATION, NOTE = "report", "addendum", "correction", "communication", "note"
    KINDS = (REPORT, ADDENDUM, CORRECTION, COMMUNICATION, NOTE)

    item = models.ForeignKey(ReadingItem, on_delete=models.PROTECT, related_name="text_drafts")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="text_drafts")
    kind = models.CharField(max_length=16)
    fields = models.JSONField(default=dict)
    base_revision = models.PositiveIntegerField(default=0, help_text="Revision of the report upon which it was typed.")
    version = models.PositiveIntegerField(default=1, help_text="Grows with each save.")
    saved_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True, help_text="When it was signed, sent or put aside, UTC.")

    class Meta:
        ordering = ["saved_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["item", "author", "kind"],
                condition=Q(closed_at=None) & ~Q(kind="report"),
                name="text_draft_open_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["report", "addendum", "correction", "communication", "note"]),
                name="text_draft_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} text {self.pk}"


class DraftHandover(models.Model):
    """Unsigned words that came to a reader with a case: whose they are, word for word, and what the reader decided."""

    UNDECIDED, KEPT, SET_ASIDE = "", "kept", "set aside"

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="handovers")
    from_author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    to_reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    sections = models.JSONField(default=dict, help_text="The sections as the author left them.")
    saved_at = models.DateTimeField(null=True, blank=True, help_text="When the author saved them last, UTC.")
    handed_at = models.DateTimeField()
    decision = models.CharField(max_length=12, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["handed_at", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(decision__in=["", "kept", "set aside"]), name="draft_handover_decision"),
        ]

    def __str__(self) -> str:
        return f"Handover {self.pk} of report {self.report_id}"
