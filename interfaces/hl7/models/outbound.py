"""Destinations, their conformance profiles, back-fills, and messages owed and sent."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ris.kernel.db.transitions import Stateful
from ris.kernel.jobs import DONE, HALTED, RUNNING, Job
from ris.kernel.queue import Receiver

from .. import states


class Destination(Receiver):
    """A system that we send HL7 to, what it wants, and whether it answers at present."""

    TLS = [("", "Off"), ("tls", "TLS"), ("mutual", "Mutual TLS")]

    name = models.CharField(max_length=64, unique=True)
    host = models.CharField(max_length=200, blank=True, help_text="Empty: messages wait.")
    port = models.PositiveIntegerField(default=0)
    enabled = models.BooleanField(default=True, help_text="Off: nothing is queued for it.")
    application = models.CharField(max_length=64, blank=True, help_text="MSH-5. Empty: its name.")
    facility = models.CharField(max_length=64, blank=True, help_text="MSH-6.")
    hl7_version = models.CharField("HL7 version", max_length=8, default="2.5.1")
    charset = models.CharField(max_length=24, default="UNICODE UTF-8", help_text="MSH-18.")
    kinds = models.JSONField(default=list, help_text="What it wants, such as report.final; see docs/interfaces/hl7.md.")
    filters = models.JSONField(
        default=dict, blank=True, help_text='Only what matches, as {"site": ["MAIN"], "modality": ["CT"]}.'
    )
    options = models.JSONField(default=dict, blank=True, help_text='How it wants it, as {"pdf": true}.')
    tls = models.CharField("TLS", max_length=8, choices=TLS, blank=True)
    ca_file = models.CharField(max_length=200, blank=True, help_text="Certificates to trust. Empty: the system's.")
    cert_file = models.CharField(max_length=200, blank=True, help_text="Our certificate with its key, PEM.")
    timeout = models.PositiveSmallIntegerField(default=20, help_text="Seconds to wait for the peer.")
    most_a_second = models.PositiveSmallIntegerField(default=0, help_text="Throttle, messages/s; 0: none.")

    paused_at = models.DateTimeField(null=True, blank=True)
    paused_reason = models.CharField(max_length=250, blank=True)
    last_sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ConformanceProfile(models.Model):
    """What a destination says a message must look like; ours are held unless they do (HL7 2.5, chapter 2.12)."""

    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="profiles")
    structure = models.CharField(max_length=8, editable=False, help_text="Of which message, such as ORU_R01.")
    xml = models.TextField("XML", help_text="An HL7v2xConformanceProfile; begin from ./bin/ris hl7 profile ORU_R01.")

    class Meta:
        ordering = ["destination", "structure"]
        constraints = [models.UniqueConstraint(fields=["destination", "structure"], name="profile_once")]

    def __str__(self) -> str:
        return f"{self.structure} for {self.destination}"


class BackFill(Job):
    """What a destination is told of after the fact, and how far that is. Whoever works at it may die."""

    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="back_fills")
    since = models.DateTimeField()
    until = models.DateTimeField(help_text="Facts from since to before this moment, UTC.")
    owed = models.PositiveIntegerField(default=0, help_text="Messages that were queued for them.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[RUNNING, HALTED, DONE]), name="back_fill_state"),
        ]
        indexes = [models.Index(fields=["id"], name="back_fill_running", condition=Q(state=RUNNING))]

    def __str__(self) -> str:
        return f"Back-fill {self.pk} of {self.destination}"


class OutboundMessage(Stateful):
    """A message owed to a destination. Within its lane (the accession number) they go in order of id."""

    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="messages")
    lane = models.CharField(max_length=64, help_text="Accession number; what must stay in order.")
    kind = models.CharField(max_length=32, help_text="Such as report.final.")
    source = models.CharField(max_length=80, help_text="What it tells of, such as version:12.")
    control_id = models.CharField(max_length=20, unique=True, help_text="MSH-10.")
    raw = models.BinaryField()
    report_version = models.ForeignKey(
        "reporting.ReportVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="outbound_messages",
        help_text="The version that it carries; its PDF is rendered when the message is prepared.",
    )  # fmt: skip
    warnings = models.JSONField(default=list, blank=True, help_text="What the destination's character set changed.")
    created_at = models.DateTimeField()
    prepared_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was validated and its PDF rendered; empty: not yet, nor sent."
    )
    attempts = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0, help_text="Tries in a row without an answer that decides.")
    passed_over = models.PositiveSmallIntegerField(
        default=0, help_text="Tries without an answer since which the peer had answered other messages."
    )
    tried_at = models.DateTimeField(null=True, blank=True, help_text="When the last try ended, UTC.")
    retry_at = models.DateTimeField(null=True, blank=True, help_text="Not tried again before, UTC.")
    error = models.CharField(max_length=250, blank=True, help_text="Why it is held; the peer's words for a NACK.")
    answer_code = models.CharField(max_length=2, blank=True, help_text="MSA-1 that came back.")
    answer = models.BinaryField(null=True)
    sent_at = models.DateTimeField(null=True, blank=True, help_text="When the peer accepted it.")
    site = models.ForeignKey("catalog.Site", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey("patients.Patient", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["destination", "kind", "source"], name="outbound_once"),
            models.CheckConstraint(
                condition=Q(state__in=[states.QUEUED, states.SENT, states.STOPPED, states.INVALID, states.SKIPPED]),
                name="outbound_state",
            ),
        ]
        indexes = [
            models.Index(
                fields=["destination", "lane", "id"],
                name="outbound_lane",
                condition=Q(state__in=[states.QUEUED, states.STOPPED, states.INVALID]),
            ),
            models.Index(fields=["state", "destination", "id"], name="outbound_state"),
            models.Index(fields=["lane", "-id"], name="outbound_accession"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"
