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
