"""The row of a report that is searched, and searches that people keep."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from ris.catalog.models import Site


class SearchRow(models.Model):
    """What holds of a released report, as it is searched: one row a report, written anew with each version.

    The full-text index over it belongs to the database (``engines``): a column ``document`` and its GIN index on
    PostgreSQL, an FTS5 table that triggers keep on SQLite. SQLite drops triggers with a table that is altered anew.
    """

    report = models.OneToOneField("reporting.Report", on_delete=models.CASCADE, related_name="search_row")
    version_number = models.PositiveSmallIntegerField(help_text="Of the newest version that is in the row.")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    modality = models.CharField(max_length=16, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField(help_text="When the text was released, UTC.")
    language = models.CharField(max_length=2, help_text="en or de: whose stems are indexed.")
    technique = models.TextField(blank=True)
    comparison = models.TextField(blank=True)
    findings = models.TextField(blank=True)
    impression = models.TextField(blank=True)
    addendum = models.TextField(blank=True, help_text="All addenda, in their order.")
    tags = models.TextField(help_text="Words by which filters find the row in the full-text index itself.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["-released_at"], name="search_row_released")]

    def __str__(self) -> str:
        return f"Text of report {self.report_id}"


class SavedSearch(models.Model):
    """A search under a name, as a list of its owner's."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_searches")
    name = models.CharField(max_length=60)
    question = models.JSONField(help_text="Fields of the search form, as they were typed.")
    made_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["owner", "name"], name="saved_search_once")]

    def __str__(self) -> str:
        return f"Saved search {self.pk}"
