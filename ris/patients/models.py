"""Patients, their identifiers, merges and visits."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from ris.catalog.models import Site


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
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged_from")
    version = models.PositiveIntegerField(default=1)

    class Meta:
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


class PatientNameToken(models.Model):
    """A part of a patient's name as a search finds it: upper case, without accents (``ris.patients.search``)."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="name_tokens", db_index=False)
    token = models.CharField(max_length=64, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["patient", "token"], name="patient_name_token_once")]

    def __str__(self) -> str:
        return f"Name token {self.pk}"


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


class IdentityQuestion(models.Model):
    """Somebody was described under a patient's number in a way that does not fit: a person decides who is meant."""

    OPEN, SAME, ANOTHER = "open", "same", "another"
    STATES = [(OPEN, "Open"), (SAME, "The same person"), (ANOTHER, "Another person")]

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="identity_questions")
    said = models.JSONField(help_text="family, given, ideographic, birth_date (ISO), sex, as they were said.")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what was said.")
    verdict = models.CharField(max_length=8, help_text="unsure or another (ris.patients.matching).")
    differing = models.JSONField(default=list, help_text="Which traits differ: name, birth date, sex.")
    source = models.CharField(max_length=120, help_text="Who said it.")
    message_id = models.BigIntegerField(null=True, blank=True, help_text="The message that said it last.")
    held = models.BooleanField(default=False, help_text="What was said with it was not applied.")
    state = models.CharField(max_length=8, choices=STATES, default=OPEN)
    asked_at = models.DateTimeField()
    last_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=250, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["patient", "fingerprint"], name="identity_question_once"),
            models.CheckConstraint(condition=Q(state__in=["open", "same", "another"]), name="identity_question_state"),
        ]
        indexes = [models.Index(fields=["state", "last_at"], name="identity_question_open")]

    def __str__(self) -> str:
        return f"Identity question {self.pk}"


class Merge(models.Model):
    """One record was merged into another, and what moved by it, so that it can go back.

    Without ``merged_at``: a sender separated two whom nobody had merged; an earlier merge that comes later is void.
    """

    survivor = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="merges")
    retired = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="retirements")
    merged_at = models.DateTimeField(null=True, blank=True)
    said_at = models.DateTimeField(help_text="When its sender said so (UTC).")
    actor = models.CharField(max_length=120)
    moved = models.JSONField(help_text="Kind → ids of what moved; of identifiers [id, retired, silent] as they were.")
    own = models.JSONField(default=dict, help_text="Kind → ids of what the one who remains had before.")
    since = models.JSONField(
        default=dict, help_text="Kind → ids of what came while the two were one: it stayed, a person decides."
    )
    separated_at = models.DateTimeField(null=True, blank=True)
    separated_said_at = models.DateTimeField(null=True, blank=True)
    separated_by = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=250, blank=True, help_text="Why it was undone.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["retired"], condition=Q(separated_at__isnull=True), name="merge_once_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(merged_at__isnull=False) | Q(separated_at__isnull=False), name="merge_or_separation"
            ),
        ]

    def __str__(self) -> str:
        return f"Merge {self.pk}"


class Visit(models.Model):
    """A stay or appointment to which orders belong (PV1)."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="visits")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="visits")
    STATES = [
        ("", "Not said"),
        ("expected", "Expected"),
        ("admitted", "Admitted"),
        ("outpatient", "Outpatient"),
        ("discharged", "Discharged"),
        ("cancelled", "Cancelled"),
    ]

    number = models.CharField(max_length=64, help_text="Visit number (PV1-19, else PID-18); Admission ID in DICOM.")
    authority = models.CharField(max_length=64)
    patient_class = models.CharField(max_length=4, blank=True, help_text="PV1-2: E, I, O, P…")
    location = models.CharField(max_length=120, blank=True, help_text="PV1-3 as point of care-room-bed.")
    attending = models.CharField(max_length=194, blank=True, help_text="Name as FAMILY^GIVEN.")
    referring = models.CharField(max_length=194, blank=True, help_text="Name as FAMILY^GIVEN.")
    pregnant = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=STATES, blank=True, help_text="By the latest ADT event that says.")
    discharge_pending = models.BooleanField(default=False, help_text="The patient is to leave soon: A16, or PV2-9.")
    updated_at = models.DateTimeField(null=True, blank=True, help_text="Moment of the newest message (UTC).")
    said = models.JSONField(default=dict, help_text="Field → rank of the message that wrote it: moment, message id.")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["authority", "number"], name="visit_once"),
            models.CheckConstraint(
                condition=Q(state__in=["", "expected", "admitted", "outpatient", "discharged", "cancelled"]),
                name="visit_state",
            ),
        ]

    def __str__(self) -> str:
        return f"Visit {self.pk}"
