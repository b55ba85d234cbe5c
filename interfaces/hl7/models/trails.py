"""What messages said of each order, and results that came before their order."""

from __future__ import annotations

from django.db import models


class OrderTrail(models.Model):
    """All that messages have said about one placer order, so that what holds does not depend on their arrival.

    ``said`` keeps the utterances; ``orders.fold`` makes one picture of them in the order in which they were
    spoken. A trail may exist before its order: a cancellation can come first.
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

    accession = models.CharField(max_length=16, blank=True, db_index=True)
    study_uid = models.CharField(max_length=64, blank=True, db_index=True)
    kind = models.CharField(max_length=12, help_text="ai or dictation.")
    said = models.JSONField()
    message = models.ForeignKey("hl7.InboundMessage", null=True, on_delete=models.SET_NULL, related_name="+")
    attached_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} result #{self.pk}"
