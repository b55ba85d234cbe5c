"""Reading items and lanes."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from ris.catalog.models import Site, Subspecialty
from ris.kernel.db.transitions import Stateful
from ris.orders.models import Order, RequestedProcedure
from worklist import states
from worklist.rules.policy import Policy


class ReadingItem(Stateful):
    """One exam that somebody has to read: the unit of the reading worklist.

    ``lane``, ``rank`` and ``slope`` are the score in a form that time does not change: the score at a
    moment is ``rank + slope × minutes since EPOCH`` while the item stays in its lane, and it changes lane at
    ``turns_at`` (see ``worklist.rules.score``).
    """

    policy: Policy | None = None
    """Numbers of the score that a page read once for all of its rows; no column."""

    standing: int = 0
    """How it stands to the viewer of a list (``worklist.selectors.lists.list_standing``); no column."""

    URGENCIES = [
        (1, "Critical"),
        (2, "STAT"),
        (3, "Patient waiting"),
        (4, "Inpatient"),
        (5, "Routine"),
    ]

    procedure = models.OneToOneField(RequestedProcedure, on_delete=models.PROTECT, related_name="reading_item")
    accession = models.CharField(max_length=16, db_index=True)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="reading_items")
    modality = models.CharField(max_length=16)
    region = models.CharField(max_length=32, blank=True, help_text="Body region, as in the catalog.")
    subspecialty = models.ForeignKey(
        Subspecialty, null=True, blank=True, on_delete=models.PROTECT, related_name="reading_items"
    )
    priority = models.CharField(max_length=8, choices=Order.PRIORITIES, default="ROUTINE")
    urgency = models.PositiveSmallIntegerField(choices=URGENCIES, default=5, help_text="1 is the most urgent class.")
    reading_minutes = models.FloatField(default=6.0, help_text="Expected reading time, minutes.")
    rvu = models.FloatField(default=0.0)
    opened_at = models.DateTimeField(help_text="When it became readable, UTC; the SLA clock starts here.")
    sla_minutes = models.PositiveIntegerField(default=1440)
    due_at = models.DateTimeField()
    weight = models.FloatField(default=0.0, help_text="Points of its class, or of what an AI result promoted it to.")
    points = models.FloatField(default=0.0, help_text="Added to the score by rules.")

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reading_items",
        help_text="Who holds it (claimed) or signed it (final).",
    )
    claimed_at = models.DateTimeField(null=True, blank=True)
    claimed_with = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        help_text="Of linked exams that were claimed in one action: the one that was asked for.",
    )
    lease_until = models.DateTimeField(null=True, blank=True, help_text="The claim ends here unless it is extended.")
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Whom the rules suggest.",
    )
    assigned_at = models.DateTimeField(null=True, blank=True, help_text="When the rules last looked for a reader.")
    reserved_for = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Only this reader is given it.",
    )
    preliminary_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Whose preliminary report waits for a signer.",
    )
    team = models.CharField(max_length=40, blank=True, help_text="Of the resident: its signers are given it first.")
    team_until = models.DateTimeField(null=True, blank=True, help_text="Until then nobody else is given it.")
    second_reader = models.BooleanField(default=False, help_text="The signer must not be the first reader.")
    teaching = models.BooleanField(default=False, help_text="Good for a trainee, while there is time.")
    skill_needed = models.ForeignKey(
        Subspecialty,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="A rule says so: no reader without this skill is given it, however long it waits.",
    )
    marks = models.JSONField(default=list, blank=True, help_text="Such as 'patient waiting', 'discharge pending'.")
    parked_until = models.DateTimeField(null=True, blank=True)
    park_reason = models.CharField(max_length=250, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    pool = models.PositiveIntegerField(default=0, help_text="Subspecialty row id, 0 for none: first key of the index.")
    lane = models.PositiveIntegerField(null=True, blank=True, help_text="Empty while nobody can be given it.")
    rank = models.FloatField(default=0.0)
    slope = models.FloatField(default=0.0, help_text="Score gained for each minute in this lane.")
    turns_at = models.DateTimeField(null=True, blank=True, help_text="When it changes lane.")
    reach = models.PositiveSmallIntegerField(
        default=0, help_text="At least so wide is it offered: 0 primary skill, 1 secondary too, 2 all."
    )
    rung = models.PositiveSmallIntegerField(default=0, help_text="Last rung of the escalation ladder.")
    next_rung_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        states.UNREAD,
                        states.CLAIMED,
                        states.PRELIMINARY,
                        states.PARKED,
                        states.FINAL,
                        states.CANCELLED,
                    ]
                ),
                name="reading_item_state",
            ),
            models.CheckConstraint(
                condition=(
                    Q(state=states.CLAIMED, reader__isnull=False, lease_until__isnull=False)
                    | Q(state=states.FINAL, reader__isnull=False, lease_until__isnull=True)
                    | (~Q(state__in=[states.CLAIMED, states.FINAL]) & Q(reader__isnull=True, lease_until__isnull=True))
                ),
                name="reading_item_held",
            ),
            models.CheckConstraint(
                condition=(
                    Q(state__in=[states.UNREAD, states.PRELIMINARY], lane__isnull=False)
                    | (~Q(state__in=[states.UNREAD, states.PRELIMINARY]) & Q(lane__isnull=True))
                ),
                name="reading_item_lane",
            ),
            models.CheckConstraint(condition=Q(urgency__range=(1, 5)), name="reading_item_urgency"),
        ]
        indexes = [
            # Full, not partial: SQLite's planner prefers a scan to a partial index once ANALYZE has run.
            models.Index("pool", "lane", F("rank").desc(), name="item_next"),
            models.Index("lane", F("rank").desc(), name="item_next_of_all"),
            models.Index("assigned_to", "lane", F("rank").desc(), name="item_suggested"),
            models.Index(fields=["reader", "state"], name="item_held"),
            models.Index(fields=["reader", "claimed_at"], name="item_taken"),
            models.Index(fields=["state", "lease_until"], name="item_lease"),
            models.Index(fields=["state", "site"], name="item_state_site"),
            models.Index(fields=["turns_at"], name="item_turns"),
            models.Index(fields=["next_rung_at"], name="item_rungs"),
        ]

    def __str__(self) -> str:
        return f"{self.accession}/{self.procedure_id}"


class Lane(models.Model):
    """A lane that some item has stood in: so the next-case statement knows where to look."""

    number = models.PositiveIntegerField(primary_key=True)
    reach = models.PositiveSmallIntegerField()
    slope = models.FloatField()

    def __str__(self) -> str:
        return str(self.number)
