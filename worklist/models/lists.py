"""What reading lists sort and search by, the views that people keep, and the notices behind the bell."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from .items import ReadingItem


class ListEntry(models.Model):
    """Of one reading item, the words of its order and patient, so that lists sort and search without five joins.

    A copy: ``worklist.services.list_entries`` writes it after each event that changes what it is made of, so it may
    be a second behind. Rows that a screen shows are read from the order and the patient themselves.
    """

    NONE, ARRIVING, COMPLETE = 0, 1, 2

    item = models.OneToOneField(ReadingItem, primary_key=True, on_delete=models.CASCADE, related_name="entry")
    patient_name = models.CharField(max_length=120, blank=True, help_text="Folded: FAMILY^GIVEN.")
    birth_date = models.DateField(null=True, blank=True)
    exam = models.CharField(max_length=120, blank=True, help_text="Folded name of the procedure.")
    reason = models.CharField(max_length=120, blank=True, help_text="Folded reason for the study.")
    location = models.CharField(max_length=120, blank=True, help_text="Folded location of the patient.")
    priors = models.PositiveSmallIntegerField(default=0, help_text="Earlier exams that were done.")
    images = models.PositiveSmallIntegerField(default=NONE, help_text="0 not told of, 1 arriving, 2 complete.")
    words = models.CharField(
        max_length=900, blank=True, help_text="All of it folded, and every number: for the search."
    )

    class Meta:
        indexes = [
            # With the key of the row: a page in this order is read off the index, whatever lies behind it.
            models.Index(fields=["patient_name", "item"], name="entry_patient"),
            models.Index(fields=["birth_date", "item"], name="entry_birth"),
            models.Index(fields=["exam", "item"], name="entry_exam"),
            models.Index(fields=["reason", "item"], name="entry_reason"),
            models.Index(fields=["location", "item"], name="entry_location"),
            models.Index(fields=["priors", "item"], name="entry_priors"),
            models.Index(fields=["images", "item"], name="entry_images"),
        ]

    def __str__(self) -> str:
        return f"Entry of item {self.item_id}"


class ListView(models.Model):
    """A reading list with its filter, sort and columns under a name; ``query`` is the query string of its address."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="list_views")
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=500)
    shared = models.BooleanField(default=False, help_text="Shown to everybody who sees the worklist.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="list_view_once")]

    def __str__(self) -> str:
        return self.name


class Notice(models.Model):
    """Something that happened to a reader's case while they looked elsewhere; the bell shows it until they saw it."""

    TAKEN, GIVEN, CALLED = "taken", "given", "called"
    KINDS = [(TAKEN, "taken over"), (GIVEN, "handed over"), (CALLED, "called for")]

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=8, choices=KINDS)
    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["reader", "seen_at", "-at"], name="notice_unseen")]

    def __str__(self) -> str:
        return f"{self.kind}: item {self.item_id}"
