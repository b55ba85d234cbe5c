"""Identifiers of patients, and who issues them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from .patient import Patient


class Identifier(models.Model):
    """A patient's number, and who issued it (PID-3)."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="identifiers")
    value = models.CharField(max_length=64)
    authority = models.CharField(max_length=64, help_text="Assigning authority's namespace (PID-3.4.1).")
    kind = models.CharField(max_length=8, default="MR", help_text="HL7 table 0203: MR, PI, SS…")
    series = models.CharField(
        max_length=8,
        blank=True,
        help_text="Unique within it for its authority: empty for patient numbers (MR, PI, PT…), else the type.",
    )
    retired = models.BooleanField(
        default=False, help_text="Given up: it finds the patient, who is not called by it any more."
    )
    silent = models.BooleanField(
        default=False, help_text="It came with a merged record: what is said by it changes nothing about who remains."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["authority", "series", "value"], name="identifier_once")]
        # The operator class lets PostgreSQL look up beginnings of numbers in any collation; SQLite needs none.
        indexes = [models.Index(fields=["value"], name="identifier_value", opclasses=["varchar_pattern_ops"])]

    def __str__(self) -> str:
        return f"Identifier {self.pk}"


class AssigningAuthority(models.Model):
    """Who issues numbers (HD): its namespace, and its universal id where a sender has said it.

    Numbers name their authority by ``name``; what else it is called stands in :class:`AuthorityAlias`.
    """

    name = models.CharField(max_length=64, unique=True, help_text="Namespace (CX-4.1); the universal id without one.")
    universal_id = models.CharField(max_length=199, blank=True, help_text="CX-4.2, such as an OID.")
    universal_id_type = models.CharField(max_length=6, blank=True, help_text="CX-4.3: ISO, DNS, UUID…")

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "assigning authorities"
        constraints = [
            models.UniqueConstraint(
                fields=["universal_id"], condition=~Q(universal_id=""), name="authority_universal_id_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class AuthorityAlias(models.Model):
    """Another namespace under which the same authority is sent."""

    alias = models.CharField(max_length=64, unique=True)
    authority = models.ForeignKey(AssigningAuthority, on_delete=models.CASCADE, related_name="aliases")

    class Meta:
        ordering = ["alias"]
        verbose_name_plural = "authority aliases"

    def __str__(self) -> str:
        return f"{self.alias} = {self.authority}"
