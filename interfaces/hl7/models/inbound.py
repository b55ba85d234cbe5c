"""Received messages with what became of them, what they said of each order, early results, and bulk replays."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.kernel.jobs import DONE, HALTED, RUNNING, Job

from .. import states
from .peers import Peer


class InboundMessage(models.Model):
    """A message as it came, what became of it and what it changed. Stored before anything is answered."""

    STATES = [
        (states.RECEIVED, "Received"),
        (states.APPLIED, "Applied"),
        (states.IGNORED, "Ignored"),
        (states.REFUSED, "Refused"),
        (states.DUPLICATE, "Duplicate"),
        (states.FAILED, "Failed"),
        (states.TO_MEND, "To mend"),
    ]

    peer = models.ForeignKey(Peer, null=True, blank=True, on_delete=models.PROTECT, related_name="messages")
    address = models.CharField(max_length=64, help_text="Where it came from.")
    certificate = models.CharField(
        max_length=200, blank=True, help_text="Common name of the TLS certificate that its sender showed."
    )
    received_at = models.DateTimeField()
    raw = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    fault = models.CharField(max_length=200, blank=True, help_text="What the transport found wrong with it.")

    kind = models.CharField("type", max_length=16, blank=True, help_text="MSH-9.1, such as ORM.")
    event = models.CharField(max_length=16, blank=True, help_text="MSH-9.2, such as O01.")
    control_id = models.CharField(max_length=199, blank=True, help_text="MSH-10.")
    version = models.CharField(max_length=16, blank=True, help_text="MSH-12.")
    charset = models.CharField(max_length=24, blank=True, help_text="The codec it was read in.")
    message_at = models.DateTimeField(null=True, blank=True, help_text="MSH-7, UTC.")

    state = models.CharField(max_length=12, choices=STATES, default=states.RECEIVED)
    reason = models.CharField(max_length=250, blank=True, help_text="Why it was ignored or refused; no patient data.")
    faults = models.JSONField(default=list, help_text="[code (table 0357), place, sentence] of a refusal.")
    warnings = models.JSONField(default=list)
    effects = models.JSONField(default=list, help_text="[verb, kind of thing, id] of each change.")
    answer_code = models.CharField(max_length=2, blank=True, help_text="MSA-1 that was sent.")
    answer = models.BinaryField(null=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    site = models.ForeignKey("catalog.Site", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey("patients.Patient", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    accession = models.CharField(max_length=16, blank=True)
    placer_number = models.CharField(max_length=64, blank=True)
    duplicate_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="resends")
    edit_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="edits",
        help_text="The message of which this is an edited copy.",
    )  # fmt: skip

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        states.RECEIVED,
                        states.APPLIED,
                        states.IGNORED,
                        states.REFUSED,
                        states.DUPLICATE,
                        states.FAILED,
                        states.TO_MEND,
                    ]
                ),
                name="inbound_state",
            ),
        ]
        indexes = [
            models.Index(fields=["control_id", "peer"], name="inbound_control_id"),
            models.Index(fields=["state", "-id"], name="inbound_state"),
            models.Index(fields=["patient", "-id"], name="inbound_patient", condition=Q(patient__isnull=False)),
            models.Index(fields=["accession", "-id"], name="inbound_accession", condition=~Q(accession="")),
            models.Index(fields=["kind", "event", "-id"], name="inbound_type"),
            models.Index(fields=["-received_at"], name="inbound_received"),
            models.Index(fields=["id"], name="inbound_open", condition=Q(state__in=[states.RECEIVED, states.FAILED])),
        ]

    def __str__(self) -> str:
        return f"{self.type or 'message'} #{self.pk}"

    @property
    def type(self) -> str:
        """Such as ``ORM^O01``."""
        return f"{self.kind}^{self.event}" if self.event else self.kind


class OrderTrail(models.Model):
    """All that messages have said about one placer order, so that what holds does not depend on their arrival.

    ``said`` keeps the statements; ``inbound.orders.projection`` computes what holds from them, in the order in which
    they were made. A trail may exist before its order: a cancellation can come first.
    """

    authority = models.CharField(max_length=64, help_text="Who numbers it (ORC-2.2, else the peer).")
    number = models.CharField(max_length=64, help_text="Placer number, or accession: number where there is none.")
    order = models.OneToOneField(
        "orders.Order", null=True, blank=True, on_delete=models.PROTECT, related_name="hl7_trail"
    )
    said = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["authority", "number"], name="trail_once")]

    def __str__(self) -> str:
        return f"Trail {self.pk}"


class EarlyResult(models.Model):
    """A result that came before there was a case to attach it to. Attached when the case opens."""

    accession = models.CharField(
        max_length=64, blank=True, db_index=True, help_text="Accession number, else the filler number, as it came."
    )
    study_uid = models.CharField(max_length=64, blank=True, db_index=True)
    kind = models.CharField(max_length=12, help_text="ai or dictation.")
    said = models.JSONField()
    message = models.ForeignKey("hl7.InboundMessage", null=True, on_delete=models.SET_NULL, related_name="+")
    attached_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} result #{self.pk}"


class ReplayJob(Job):
    """Many messages to be taken again, one after the other, and how far that is. Whoever works at it may die."""

    asked = models.JSONField(help_text="Which messages, as of the start: names and values of a filter.")
    sites = models.JSONField(null=True, blank=True, help_text="Ids of the sites whose messages; empty: of all.")
    outcomes = models.JSONField(default=dict, help_text="State → how many ended in it.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    source = models.CharField(max_length=64, blank=True)
    moved_at = models.DateTimeField(help_text="When the last message was taken.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[RUNNING, HALTED, DONE]), name="replay_job_state"),
        ]
        indexes = [models.Index(fields=["id"], name="replay_job_running", condition=Q(state=RUNNING))]

    def __str__(self) -> str:
        return f"Replay {self.pk}"
