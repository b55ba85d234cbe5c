"""Rows about critical findings: limits, who is told on which rung, the loops, messages, records of communication."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from ris.catalog.models import Site
from ris.kernel.db.transitions import Stateful
from ris.kernel.queue import Owed, QueueSteps
from ris.kernel.states import step
from ris.people.models import Practitioner

from ..models.reports import CRITICAL_LEVELS, Report, ReportVersion
from . import states

LEVELS = [level for level, _ in CRITICAL_LEVELS]


class CriticalLimit(models.Model):
    """Within how many minutes a critical finding of a level must be acknowledged, at a site or (empty) everywhere."""

    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    level = models.CharField(max_length=8, choices=CRITICAL_LEVELS)
    minutes = models.PositiveIntegerField(help_text="From the moment at which the reader marked it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(F("level"), Coalesce("site", 0), name="critical_limit_once"),
            models.CheckConstraint(condition=Q(level__in=LEVELS, minutes__gte=1), name="critical_limit_possible"),
        ]

    def __str__(self) -> str:
        return f"{self.level}: {self.minutes} min"


class ListedFinding(models.Model):
    """A finding that a site counts as critical, with its level: offered while one is marked."""

    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+", help_text="Empty: every site."
    )
    level = models.CharField(max_length=8, choices=CRITICAL_LEVELS)
    name = models.CharField(max_length=120)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(F("name"), Coalesce("site", 0), name="listed_finding_once")]

    def __str__(self) -> str:
        return self.name


class CriticalContact(models.Model):
    """Who is told on a rung, and how. Who ordered needs no row if they have an account here.

    Rows of a practitioner are for the findings of their orders, and go before those for everybody's.
    """

    EMAIL, WEBHOOK, SCREEN = "email", "webhook", "screen"
    WAYS = [(EMAIL, "E-mail"), (WEBHOOK, "Webhook (POST)"), (SCREEN, "Bell on the screen")]
    RUNGS = [(1, "1: who ordered"), (2, "2: their deputy"), (3, "3: the service"), (4, "4: the supervisor")]

    rung = models.PositiveSmallIntegerField(choices=RUNGS)
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+", help_text="Empty: every site."
    )
    practitioner = models.ForeignKey(
        Practitioner, null=True, blank=True, on_delete=models.CASCADE, related_name="+",
        help_text="For findings of their orders only. Empty: for every order.",
    )  # fmt: skip
    name = models.CharField(max_length=120, blank=True, help_text="Whom it reaches, such as “ED charge nurse”.")
    way = models.CharField(max_length=7, choices=WAYS)
    address = models.CharField(max_length=200, blank=True, help_text="E-mail address, or http(s) address to POST to.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+",
        help_text="Whose bell rings; for an e-mail without an address: whose address.",
    )  # fmt: skip
    pin = models.CharField(
        "PIN", max_length=128, blank=True, help_text="Of 6 to 12 digits: opens the details of a link without a log-in."
    )
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(rung__range=(1, 4)), name="critical_contact_rung"),
            models.CheckConstraint(
                condition=Q(way="webhook", address__gt="") | (Q(way="email") & (Q(address__gt="") | Q(user__gt=0)))
                | Q(way="screen", user__gt=0),
                name="critical_contact_reachable",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.get_rung_display()}, {self.get_way_display()}"


class CriticalFinding(Stateful):
    """A loop that must be closed: a finding somebody must be told of, since when, until when, and who acknowledged it.

    ``addendum``: the version that brought it; empty for the finding of the text. ``rung``: the last one climbed.
    """

    HOWS = [("link", "by its link"), ("screen", "on the screen"), ("record", "as recorded")]

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="critical_findings")
    addendum = models.ForeignKey(
        ReportVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="critical_findings"
    )
    level = models.CharField(max_length=8, choices=CRITICAL_LEVELS)
    text = models.CharField(max_length=500, blank=True)
    marked_at = models.DateTimeField(help_text="When the reader marked it, while reading. UTC.")
    marked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    limit_minutes = models.PositiveIntegerField(help_text="The site's limit when it was marked.")
    due_at = models.DateTimeField()
    rung = models.PositiveSmallIntegerField(default=0)
    next_rung_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    acknowledged_name = models.CharField(max_length=120, blank=True)
    acknowledged_how = models.CharField(max_length=8, blank=True, choices=HOWS)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_why = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["due_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                F("report"), Coalesce("addendum", 0), condition=Q(state="open"), name="critical_finding_open_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[states.OPEN, states.ACKNOWLEDGED, states.WITHDRAWN], level__in=LEVELS),
                name="critical_finding_state",
            ),
            models.CheckConstraint(
                condition=Q(state="open", acknowledged_at=None) | ~Q(state="open"), name="critical_finding_acknowledged"
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["state", "next_rung_at"], name="critical_finding_due"),
            models.Index(fields=["marked_at"], name="critical_finding_marked"),
        ]

    def __str__(self) -> str:
        return f"Critical finding {self.pk} ({self.state})"


class CriticalMessage(Owed):
    """A rung of one finding told to one address, with a link of its own. Rung 0: that the finding does not stand."""

    OWED, SENT, FAILED, SHOWN, STOPPED = "owed", "sent", "failed", "shown", "stopped"
    STEPS = QueueSteps(
        claim=step("claim", [OWED], OWED),
        postpone=step("postpone", [OWED], OWED),
        complete=step("mark as sent", [OWED], SENT),
        give_up=step("give up", [OWED], FAILED),
    )
    STOP = step("stop", [OWED, SHOWN], STOPPED)

    finding = models.ForeignKey(CriticalFinding, on_delete=models.CASCADE, related_name="messages")
    rung = models.PositiveSmallIntegerField()
    contact = models.ForeignKey(CriticalContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="critical_messages"
    )
    name = models.CharField(max_length=120, blank=True)
    way = models.CharField(max_length=7)
    address = models.CharField(max_length=200, blank=True)
    nonce = models.CharField(max_length=32, help_text="Part of the link that nobody can guess.")
    expires_at = models.DateTimeField(help_text="The link opens nothing from then on. UTC.")
    wrong_pins = models.PositiveSmallIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True, help_text="When its details were shown first.")
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                F("finding"), F("rung"), F("way"), F("address"), Coalesce("user", 0), name="critical_message_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["owed", "sent", "failed", "shown", "stopped"]), name="critical_message_state"
            ),
        ]
        indexes = [models.Index(fields=["state", "due_at"], name="critical_message_due")]

    def __str__(self) -> str:
        return f"Message {self.pk} ({self.state})"


class Communication(models.Model):
    """That somebody was told of a result by a person: who, by whom, role, when, how, and whether they read it back.

    Written once and never changed; a slip is put right by another record. ``finding``: the loop that it closed, if any.
    """

    PHONE, PERSON, VIDEO, MESSAGE, OTHER = "phone", "person", "video", "message", "other"
    HOWS = [
        (PHONE, "By phone"), (PERSON, "In person"), (VIDEO, "By video call"), (MESSAGE, "Secure message"),
        (OTHER, "Otherwise"),
    ]  # fmt: skip
    DIRECT = (PHONE, PERSON, VIDEO)
    """Ways in which the receiver answers at once: these close a loop; others wait for an acknowledgement."""

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="communications")
    finding = models.ForeignKey(
        CriticalFinding, null=True, blank=True, on_delete=models.PROTECT, related_name="communications"
    )
    told_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    receiver = models.CharField(max_length=120)
    receiver_role = models.CharField(max_length=60)
    told_at = models.DateTimeField(help_text="When the receiver was told, UTC.")
    how = models.CharField(max_length=8, choices=HOWS)
    read_back = models.BooleanField(default=False)
    note = models.CharField(max_length=500, blank=True)
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["told_at", "pk"]

    def __str__(self) -> str:
        return f"Communication {self.pk}"
