"""Reviews of reports and feedback to their authors. Privileged: nothing else in the house refers to these rows."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.kernel.db.transitions import Stateful

from ..models.reports import Report, ReportVersion

SCORES = [
    ("1", "1: I concur"),
    ("2a", "2a: discrepancy, not ordinarily expected to be made, unlikely to be significant"),
    ("2b", "2b: discrepancy, not ordinarily expected to be made, likely to be significant"),
    ("3a", "3a: should be made most of the time, unlikely to be significant"),
    ("3b", "3b: should be made most of the time, likely to be significant"),
]
"""RADPEER, form of 2016."""
ARBITRATED = ("2b", "3a", "3b")
"""Scores that count only after arbitration."""


class PeerReview(Stateful):
    """A report that somebody other than its author scores (RADPEER). ``reviewed``: the text.

    ``final_score``: what counts; empty until it is settled.
    """

    SOURCES = [("random", "Random"), ("targeted", "Targeted"), ("prior", "Prior in the room")]

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="+")
    reviewed = models.ForeignKey(ReportVersion, on_delete=models.PROTECT, related_name="+")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=8, choices=SOURCES)
    assigned_at = models.DateTimeField()
    score = models.CharField(max_length=2, blank=True, choices=SCORES)
    note = models.TextField(blank=True)
    scored_at = models.DateTimeField(null=True, blank=True)
    arbiter = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    arbiter_note = models.TextField(blank=True)
    final_score = models.CharField(max_length=2, blank=True, choices=SCORES)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reviewed", "reviewer"], name="peer_review_once"),
            models.CheckConstraint(
                condition=Q(state="assigned", score="") | Q(state="arbitration", score__in=ARBITRATED, final_score="")
                | Q(state="settled", final_score__in=[score for score, _ in SCORES]),
                name="peer_review_state",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"Review {self.pk} ({self.state})"


class PeerFeedback(models.Model):
    """What a colleague found worth knowing about a case: to its author, without a score and without a name."""

    KINDS = [
        ("great call", "Great call"), ("learning", "Learning opportunity"), ("outcome", "Outcome or pathology"),
        ("communication", "Wording or communication"),
    ]  # fmt: skip

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey(ReportVersion, on_delete=models.PROTECT, related_name="+")
    giver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    receiver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=KINDS)
    text = models.TextField()
    conference = models.BooleanField(default=False, help_text="Proposed for the learning conference.")
    given_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-given_at", "-pk"]

    def __str__(self) -> str:
        return f"Feedback {self.pk}"


class TeachingCase(models.Model):
    """A report that is worth showing to others, under a title of its own. Who may not see the report sees no name."""

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="+")
    title = models.CharField(max_length=120)
    note = models.TextField(blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["-made_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["report", "made_by"], name="teaching_case_once")]

    def __str__(self) -> str:
        return f"Teaching case {self.pk}"
