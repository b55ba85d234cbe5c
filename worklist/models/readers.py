"""Who reads: profiles, skills, privileges, presence; the roster; the stamps under which both are kept in memory."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import URLValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from ris.catalog.models import Site, Subspecialty
from ris.kernel.db.columns import SealedTextField
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
    # May hold a token of the paging service.
    call_address = SealedTextField(
        max_length=200,
        blank=True,
        validators=[URLValidator(["http", "https"])],
        help_text="http(s) address of a telephone or paging service: called with an offer while no page is open.",
    )

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


class Shift(models.Model):
    """A reader's recurring duty: wall-clock times in a named zone, on the days that an RRULE gives.

    It ends at ``end_time`` on the same day, or on the next where that is not after ``start_time``: so a night
    shift lasts an hour less or more when the clocks change, as it does for the people who work it.
    """

    IN_HOUSE, ON_CALL, TEACHING = "in-house", "on-call", "teaching"
    KINDS = [(k, k.capitalize()) for k in (IN_HOUSE, ON_CALL, TEACHING)]

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shifts")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=KINDS, default=IN_HOUSE)
    zone = models.CharField(max_length=64, help_text="IANA name, such as America/Chicago.")
    first_day = models.DateField(help_text="Local date of the first duty; the recurrence counts from here.")
    last_day = models.DateField(null=True, blank=True, help_text="No duty begins after it (a locum's end).")
    start_time = models.TimeField()
    end_time = models.TimeField()
    rrule = models.CharField(
        "recurrence", max_length=200, blank=True, help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=MO,TU. Empty: once."
    )
    breaks = models.JSONField(default=list, blank=True, help_text='Wall-clock pairs such as ["12:00", "12:30"].')
    sites = models.ManyToManyField(Site, blank=True, related_name="shifts", help_text="Empty: all of the reader's.")
    subspecialties = models.ManyToManyField(
        Subspecialty, blank=True, related_name="shifts", help_text="Empty: all of the reader's."
    )
    called_for = models.PositiveSmallIntegerField(
        default=2,
        help_text="On call: cases of this class and of more urgent ones come as to anybody; others only when nobody "
        "in-house covers them. 0: none.",
    )
    holidays = models.BooleanField("works on holidays", default=False)
    uid = models.CharField(max_length=120, unique=True, help_text="iCalendar UID.")
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last_day__isnull=True) | Q(last_day__gte=F("first_day")), name="shift_days"
            )
        ]
        indexes = [models.Index(fields=["active", "first_day"], name="shift_active")]

    def __str__(self) -> str:
        return self.name


class ShiftChange(models.Model):
    """One occurrence of a shift that goes differently: called in sick, swapped, or moved."""

    OFF, SICK, SWAP = "off", "sick", "swap"
    KINDS = [(k, k.capitalize()) for k in (OFF, SICK, SWAP)]

    shift = models.ForeignKey(Shift, on_delete=models.CASCADE, related_name="changes")
    day = models.DateField(help_text="Local date on which the occurrence begins.")
    kind = models.CharField(max_length=5, choices=KINDS)
    substitute = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=250, blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["shift", "day"], name="shift_change_once"),
            models.CheckConstraint(
                condition=~Q(kind="swap") | Q(substitute__isnull=False), name="shift_swap_has_substitute"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.day}"


class Holiday(models.Model):
    """A day on which shifts that do not work on holidays do not happen."""

    day = models.DateField()
    name = models.CharField(max_length=80)
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="holidays", help_text="Empty: everywhere."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(F("day"), Coalesce("site", Value(0)), name="holiday_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.day})"


class Stamp(models.Model):
    """A word that the database changes with every change of some tables (``ris.kernel.db.change_stamps``).

    What is made of those tables can be kept as long as the word stays. Which tables: ``worklist.change_stamps``.
    """

    name = models.CharField(max_length=16, primary_key=True)
    value = models.CharField(max_length=40)

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"
