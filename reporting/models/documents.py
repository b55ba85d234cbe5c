"""Reports made elsewhere."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ris.orders.models import RequestedProcedure
from ris.patients.models import Patient


class OutsideDocument(models.Model):
    """A report made elsewhere (text, PDF, CDA, RTF), kept as it came beside the patient's exams.

    ``patient`` is who it was of when it came; after a merge it is found by whom that record lives on as.
    """

    STATUSES = [("P", "Preliminary"), ("F", "Final"), ("C", "Corrected")]

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="outside_documents")
    procedure = models.ForeignKey(
        RequestedProcedure, null=True, blank=True, on_delete=models.PROTECT, related_name="outside_documents",
        help_text="The exam here that it is of, if it is of one.",
    )  # fmt: skip
    accession = models.CharField(max_length=16, blank=True, help_text="As its sender has it.")
    source = models.CharField(max_length=64, help_text="Name of the sender.")
    number = models.CharField(max_length=199, blank=True, help_text="The sender's number (OBR-3, else OBR-2).")
    title = models.CharField(max_length=199, blank=True)
    author = models.CharField(max_length=194, blank=True, help_text="Name as FAMILY^GIVEN.")
    media_type = models.CharField(max_length=64)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    status = models.CharField(max_length=1, choices=STATUSES)
    dated_at = models.DateTimeField(help_text="When it was made, UTC.")
    received_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True, blank=True, help_text="When a later one took its place, UTC.")
    withdrawn_at = models.DateTimeField(null=True, blank=True, help_text="When its sender took it back, UTC.")

    class Meta:
        ordering = ["-dated_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "number", "media_type", "patient"],
                condition=Q(replaced_at=None, withdrawn_at=None) & ~Q(number=""),
                name="outside_document_stands_once",
            ),
            models.CheckConstraint(condition=Q(status__in=["P", "F", "C"]), name="outside_document_status"),
        ]

    def __str__(self) -> str:
        return f"Document {self.pk}"
