"""What is dictated into, and words on their way from an engine to a room."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from worklist.models import ReadingItem


class DictationFocus(models.Model):
    """The section in which the reader of a case stands; an engine asks for it."""

    item = models.OneToOneField(ReadingItem, on_delete=models.CASCADE, related_name="dictation_focus")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    section = models.CharField(max_length=12)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.section} of item {self.item_id}"


class DictationEvent(models.Model):
    """Words or a command of an engine, kept until the room has them. It is deleted then: the draft has the words."""

    PARTIAL, FINAL, COMMAND = "partial", "final", "command"
    COMMANDS = ("next", "prev", "sign", "pause")

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="+")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8)
    section = models.CharField(max_length=12, blank=True, help_text="Empty: where the reader stands.")
    text = models.TextField(blank=True, help_text="Words, or the name of the command.")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=["partial", "final", "command"]), name="dictation_event_kind"),
        ]
        indexes: ClassVar = [models.Index(fields=["item", "reader"], name="dictation_event_of_item")]

    def __str__(self) -> str:
        return f"{self.kind} for item {self.item_id}"
