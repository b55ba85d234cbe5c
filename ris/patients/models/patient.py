"""Patients, and the parts of their names that a search finds."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class Patient(models.Model):
    """A person who is imaged. Identified by :class:`Identifier`, never by name."""

    SEXES = [("F", "Female"), ("M", "Male"), ("O", "Other"), ("", "Unknown")]

    family_name = models.CharField(max_length=194, blank=True)
    given_name = models.CharField(max_length=120, blank=True)
    middle_name = models.CharField(max_length=120, blank=True)
    prefix = models.CharField(max_length=32, blank=True)
    suffix = models.CharField(max_length=32, blank=True)
    ideographic_name = models.CharField(
        max_length=194, blank=True, db_index=True, help_text="Components separated by ^, as in a DICOM PN group."
    )
    phonetic_name = models.CharField(max_length=194, blank=True, db_index=True, help_text="The same, phonetic.")
    search_name = models.CharField(
        max_length=600,
        blank=True,
        db_index=True,
        help_text="FAMILY^GIVEN^MIDDLE, upper case without accents; written by the services.",
    )
    birth_date = models.DateField(null=True, blank=True, db_index=True)
    sex = models.CharField(max_length=1, choices=SEXES, blank=True)
    address = models.CharField(max_length=250, blank=True)
    phone = models.CharField(max_length=64, blank=True)
    allergies = models.JSONField(default=list, help_text="Texts, in the order received (AL1-3).")
    alerts = models.JSONField(default=list, help_text="Texts shown in the banner and sent as Medical Alerts.")
    demographics_at = models.DateTimeField(
        null=True, blank=True, help_text="Moment of the newest message that wrote the demographics (UTC)."
    )
    said = models.JSONField(
        default=dict, help_text="Field → rank of the message that wrote it: authoritative, moment, message id."
    )
    CONFIDENTIALITY = [
        ("vip", "Known to the public"),
        ("staff", "Works here"),
        ("family", "Family of somebody who works here"),
        ("legal", "By order of a court or an authority"),
        ("request", "At the patient's request"),
    ]
    confidential = models.BooleanField(
        default=False, help_text="Shown to the care team and to people with the permission only (ris.access)."
    )
    confidential_kind = models.CharField(max_length=8, choices=CONFIDENTIALITY, blank=True)
    alias = models.CharField(
        max_length=64, blank=True, help_text="FAMILY^GIVEN under which scanners list a confidential patient."
    )
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged_from")
    version = models.PositiveIntegerField(default=1)
    compared_version = models.PositiveIntegerField(
        default=0, editable=False, help_text="Version that was last compared with others, to find duplicates."
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["id"],
                name="patient_to_compare",
                condition=Q(merged_into__isnull=True, birth_date__isnull=False) & ~Q(compared_version=F("version")),
            ),
            # So few that no query pays for the others.
            models.Index(fields=["id"], name="patient_confidential", condition=Q(confidential=True)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(sex__in=["", "F", "M", "O"]), name="patient_sex"),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("id")), name="patient_not_into_itself"
            ),
        ]

    def __str__(self) -> str:
        return f"Patient {self.pk}"

    @property
    def display_name(self) -> str:
        """``FAMILY, Given Middle``."""
        given = " ".join(filter(None, [self.given_name, self.middle_name]))
        return ", ".join(filter(None, [self.family_name.upper(), given])) or "(no name)"

    @property
    def paper_name(self) -> str:
        """The name on paper that anybody may pick up: of a confidential patient the alias."""
        return self.alias.replace("^", ", ") if self.confidential else self.display_name


class PatientNameToken(models.Model):
    """A part of a patient's name as a search finds it: upper case, without accents (``ris.patients.search``)."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="name_tokens", db_index=False)
    token = models.CharField(max_length=64, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["patient", "token"], name="patient_name_token_once")]

    def __str__(self) -> str:
        return f"Name token {self.pk}"
