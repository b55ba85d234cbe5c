"""Follow-up recommendations, the exams that may be what was recommended, and reminders that are owed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from ris.kernel.db.transitions import Stateful
from ris.kernel.queue import Owed, QueueSteps
from ris.kernel.states import step
from ris.orders.models import RequestedProcedure

from ..models.reports import Report


class FollowUp(Stateful):
    """What a report recommends, as a row. Whose patient it is, is asked of the report's order, so merges move it.

    ``quote``: the sentence of the impression that it was offered from; empty where it was typed. It is part of the
    draft until the report is signed. ``earliest`` and ``latest`` are days of the site; None: the report names no time.
    """

    KINDS = [("exam", "Exam"), ("procedure", "Procedure"), ("referral", "Referral"), ("laboratory", "Laboratory")]
    OWNERS = [
        ("referrer", "Who ordered"),
        ("primary", "Primary care"),
        ("radiology", "Radiology"),
        ("patient", "Patient"),
    ]
    SOURCES = [("form", "typed"), ("text", "offered from the text"), ("macro", "offered from a macro")]
    REASONS = [
        ("elsewhere", "Done elsewhere"), ("not needed", "No longer needed"), ("declined", "Patient declined"),
        ("died", "Patient died"), ("lost", "Patient cannot be reached"),
    ]  # fmt: skip

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="follow_ups")
    edition = models.PositiveSmallIntegerField(default=1, help_text="The report's.")
    kind = models.CharField(max_length=12, choices=KINDS, default="exam")
    what = models.CharField(max_length=120)
    modality = models.CharField(max_length=16, blank=True)
    region = models.CharField(max_length=32, blank=True)
    earliest = models.DateField(null=True, blank=True)
    latest = models.DateField(null=True, blank=True)
    condition = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=200, blank=True, help_text="The finding it is for.")
    owner = models.CharField(max_length=12, choices=OWNERS, default="referrer")
    source = models.CharField(max_length=8, choices=SOURCES, default="form")
    quote = models.CharField(max_length=1000, blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    recommended_at = models.DateTimeField(null=True, blank=True, help_text="When the report was signed, UTC.")
    rung = models.PositiveSmallIntegerField(default=0)
    next_rung_at = models.DateTimeField(null=True, blank=True)
    procedure = models.ForeignKey(
        RequestedProcedure, null=True, blank=True, on_delete=models.PROTECT, related_name="follow_ups",
        help_text="The later exam that a person confirmed as what was recommended.",
    )  # fmt: skip
    done_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    close_reason = models.CharField(max_length=12, blank=True, choices=REASONS)
    close_note = models.CharField(max_length=250, blank=True)

    class Meta:
        ordering = [F("latest").asc(nulls_last=True), "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["drafted", "recommended", "ordered", "done", "closed", "withdrawn", "rejected"]),
                name="follow_up_state",
            ),
            models.CheckConstraint(
                condition=Q(earliest=None, latest=None) | Q(earliest__lte=F("latest")), name="follow_up_window"
            ),
            models.CheckConstraint(
                condition=Q(state="closed", close_reason__gt="") | ~Q(state="closed"),
                name="follow_up_closed_with_reason",
            ),
        ]
        indexes = [models.Index(fields=["state", "next_rung_at"], name="follow_up_due")]

    def __str__(self) -> str:
        return f"Follow-up {self.pk} ({self.state})"


class FollowUpMatch(models.Model):
    """A later exam that may be what was recommended: proposed, then confirmed or refused by a person."""

    PROPOSED, CONFIRMED, REFUSED = "proposed", "confirmed", "refused"

    follow_up = models.ForeignKey(FollowUp, on_delete=models.CASCADE, related_name="matches")
    procedure = models.ForeignKey(RequestedProcedure, on_delete=models.CASCADE, related_name="follow_up_matches")
    state = models.CharField(max_length=9, default=PROPOSED)
    found_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["follow_up", "procedure"], name="follow_up_match_once"),
            models.CheckConstraint(
                condition=Q(state__in=["proposed", "confirmed", "refused"]), name="follow_up_match_state"
            ),
        ]

    def __str__(self) -> str:
        return f"Match {self.pk} ({self.state})"


class FollowUpReminder(Owed):
    """An overdue follow-up told to one person on a rung: by the bell, or by e-mail where there is an address."""

    OWED, SENT, FAILED, SHOWN, STOPPED = "owed", "sent", "failed", "shown", "stopped"
    STEPS = QueueSteps(
        claim=step("claim", [OWED], OWED),
        postpone=step("postpone", [OWED], OWED),
        complete=step("mark as sent", [OWED], SENT),
        give_up=step("give up", [OWED], FAILED),
    )
    STOP = step("stop", [OWED, SHOWN], STOPPED)

    follow_up = models.ForeignKey(FollowUp, on_delete=models.CASCADE, related_name="reminders")
    rung = models.PositiveSmallIntegerField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="follow_up_reminders")
    address = models.CharField(max_length=200, blank=True, help_text="Empty: the bell.")
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["follow_up", "rung", "user", "address"], name="follow_up_reminder_once"),
            models.CheckConstraint(
                condition=Q(state__in=["owed", "sent", "failed", "shown", "stopped"]), name="follow_up_reminder_state"
            ),
        ]
        indexes = [models.Index(fields=["state", "due_at"], name="follow_up_reminder_due")]

    def __str__(self) -> str:
        return f"Reminder {self.pk} ({self.state})"
