"""Profiles, skills, privileges, conflicts and presence of readers."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.catalog.models import Site, Subspecialty
from ris.patients.models import Patient


class ReaderProfile(models.Model):
    """How a reader works: limits, seniority. A reader without one has these defaults."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reader_profile")
    most_claims = models.PositiveSmallIntegerField(default=3, help_text="Cases held at the same time.")
    most_minutes = models.PositiveSmallIntegerField(default=90, help_text="Reading minutes held at the same time.")
    pace = models.FloatField(default=1.0, help_text="Reading time of this reader relative to the catalog's.")
    seniority = models.PositiveSmallIntegerField(default=0, help_text="Years; the more senior supervises.")
    trainee = models.BooleanField(default=False)
    team = models.CharField(max_length=40, blank=True, help_text="Residents are signed by their own team first.")
    accepts_push = models.BooleanField(default=True, help_text="May be offered the most urgent cases unasked.")

    def __str__(self) -> str:
        return f"Reader {self.user_id}"


class Skill(models.Model):
    """What a reader reads: a subspecialty, narrowed by modality, region and age where it is not empty."""

    PRIMARY, SECONDARY = 1, 2
    LEVELS = [(PRIMARY, "Primary"), (SECONDARY, "Secondary")]

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="skills")
    subspecialty = models.ForeignKey(Subspecialty, on_delete=models.CASCADE, related_name="skills")
    level = models.PositiveSmallIntegerField(choices=LEVELS, default=PRIMARY)
    modalities = models.JSONField(default=list, blank=True, help_text="Empty: all.")
    regions = models.JSONField(default=list, blank=True, help_text="Body regions; empty: all.")
    youngest = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Patient's age in years, at least.")
    oldest = models.PositiveSmallIntegerField(null=True, blank=True, help_text="At most.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reader", "subspecialty", "level"], name="skill_once"),
            models.CheckConstraint(condition=Q(level__in=[1, 2]), name="skill_level"),
        ]

    def __str__(self) -> str:
        return f"Reader {self.reader_id}: {self.subspecialty_id} ({self.level})"


class Privilege(models.Model):
    """A licence or credential with an end. Where a site requires privileges, no valid one means no cases."""

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="privileges")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="privileges")
    kind = models.CharField(max_length=16, default="credential", help_text="licence or credential.")
    number = models.CharField(max_length=40, blank=True)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True, help_text="Last day, at the site.")

    class Meta:
        indexes = [models.Index(fields=["reader", "site"], name="privilege_reader")]

    def __str__(self) -> str:
        return f"{self.kind} of reader {self.reader_id} at {self.site_id}"


class Conflict(models.Model):
    """A patient whose exams this reader is not to read: family, friends, themselves."""

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conflicts")
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "patient"], name="conflict_once")]

    def __str__(self) -> str:
        return f"Reader {self.reader_id} and patient {self.patient_id}"


class Presence(models.Model):
    """Where a reader is now, as far as anyone knows. Narrows the roster."""

    AVAILABLE, AWAY, TEACHING, SIGNED_OUT = "available", "away", "teaching", "signed out"
    STATES = [(s, s.capitalize()) for s in (AVAILABLE, AWAY, TEACHING, SIGNED_OUT)]

    reader = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="presence")
    state = models.CharField(max_length=12, choices=STATES, default=AVAILABLE)
    since = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Reader {self.reader_id}: {self.state}"
