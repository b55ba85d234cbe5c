from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from ris.catalog.models import Site, Subspecialty
from ris.kernel.stateful import Stateful
from ris.orders.models import Order, RequestedProcedure
from worklist import states


class ReadingItem(Stateful):
    """One exam that somebody has to read: the unit of the reading worklist.

    ``lane``, ``rank`` and ``slope`` are the score in a form that time does not change: the score at a
    moment is ``rank + slope × minutes since EPOCH`` while the item stays in its lane, and it changes lane at
    ``turns_at`` (see ``worklist.rules.lanes``).
    """

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
    weight = models.FloatField(default=1.0, help_text="Of its class, or more by an AI finding; its logarithm counts.")
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
    second_reader = models.BooleanField(default=False, help_text="The signer must not be the first reader.")
    teaching = models.BooleanField(default=False, help_text="Good for a trainee, while there is time.")
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


class Skip(models.Model):
    """A reader declined an item, and why. They are not offered it again."""

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="skips")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=250)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "item"], name="skip_once")]

    def __str__(self) -> str:
        return f"Skip of item {self.item_id}"


class Offer(models.Model):
    """A most urgent item pushed to one reader, who accepts, declines, or lets it lapse."""

    OPEN, ACCEPTED, DECLINED, LAPSED = "open", "accepted", "declined", "lapsed"

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="offers")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="offers")
    offered_at = models.DateTimeField()
    until = models.DateTimeField()
    outcome = models.CharField(max_length=8, default=OPEN)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item"], condition=Q(outcome="open"), name="offer_one_open"),
        ]
        indexes = [models.Index(fields=["outcome", "until"], name="offer_lapsing")]

    def __str__(self) -> str:
        return f"Offer of item {self.item_id}"


class ClockPause(models.Model):
    """A time in which an item's SLA clock stood still (waiting for priors, for a call back)."""

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="pauses")
    reason = models.CharField(max_length=250)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item"], condition=Q(until__isnull=True), name="pause_one_open"),
        ]

    def __str__(self) -> str:
        return f"Pause of item {self.item_id}"


class AiPerformance(models.Model):
    """How often a positive of this algorithm is true, by site and urgency class: what its flag is worth."""

    vendor = models.CharField(max_length=64)
    code = models.CharField(max_length=64, help_text="What it finds, such as ICH.")
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, help_text="Empty: everywhere.")
    urgency = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Empty: every class.")
    ppv = models.FloatField("PPV", help_text="Positive predictive value, 0 to 1.")
    expires_minutes = models.PositiveIntegerField(default=720, help_text="A flag counts for so long, minutes.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ppv__range=(0, 1)), name="ai_performance_ppv"),
            models.UniqueConstraint(
                F("vendor"),
                F("code"),
                Coalesce("site", Value(0)),
                Coalesce("urgency", Value(0)),
                name="ai_performance_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.vendor} {self.code}"


class AiFlag(models.Model):
    """What an algorithm said about an item. A positive can raise it; a negative never lowers it."""

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="ai_flags")
    vendor = models.CharField(max_length=64)
    code = models.CharField(max_length=64)
    positive = models.BooleanField()
    score = models.FloatField(null=True, blank=True, help_text="As the vendor gives it.")
    ppv = models.FloatField(help_text="As it was known for this site and class when the result came.")
    result_at = models.DateTimeField()
    received_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    over = models.BooleanField(default=False, help_text="It expired, and the item was priced without it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "vendor", "code", "result_at"], name="ai_flag_once"),
        ]
        indexes = [models.Index(fields=["over", "expires_at"], name="ai_flag_expiry")]

    def __str__(self) -> str:
        return f"{self.vendor} {self.code}"


class Escalation(models.Model):
    """A rung of the ladder that an item reached; one row each, so it happens once however many sweeps run."""

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="escalations")
    rung = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "rung"], name="escalation_once")]
        indexes = [models.Index(fields=["-at"], name="escalation_recent")]

    def __str__(self) -> str:
        return f"Item {self.item_id}, rung {self.rung}"


class Lane(models.Model):
    """A lane that some item has stood in: so the next-case statement knows where to look."""

    number = models.PositiveIntegerField(primary_key=True)
    reach = models.PositiveSmallIntegerField()
    slope = models.FloatField()

    def __str__(self) -> str:
        return str(self.number)
