"""Sites, subspecialties, devices and procedures."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from .viewer import check_viewer_template


class Site(models.Model):
    """A place that does imaging, with its own numbers and its own clock."""

    code = models.SlugField(max_length=16, unique=True)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, default="UTC", help_text="IANA name, such as America/Chicago.")
    accession_prefix = models.CharField(max_length=6, unique=True, help_text="Accession numbers begin with it.")
    assigning_authority = models.CharField(
        max_length=64, help_text="HL7 namespace of the patient identifiers that this site issues."
    )
    critical_delivery_minutes = models.PositiveSmallIntegerField(
        default=15, help_text="A critical result that has not reached a system by then raises an alarm."
    )

    APPLY, HOLD = "apply", "hold"
    IDENTITY = [(APPLY, "Apply it, and ask a person"), (HOLD, "Hold it until a person has decided")]
    identity_unsure = models.CharField(
        "a person who may be another", max_length=5, choices=IDENTITY, default=APPLY,
        help_text="A message names a known number, and it is not sure that it is that patient.",
    )  # fmt: skip
    identity_another = models.CharField(
        "a person who is another", max_length=5, choices=IDENTITY, default=HOLD,
        help_text="A message names a known number, and clearly somebody else.",
    )  # fmt: skip

    viewer_url = models.CharField(
        "viewer", max_length=500, blank=True, validators=[check_viewer_template],
        help_text="Opens the images of an exam: https://viewer.example/viewer?StudyInstanceUIDs={study_uid}",
    )  # fmt: skip
    compare_url = models.CharField(
        "viewer with a prior", max_length=500, blank=True, validators=[check_viewer_template],
        help_text="The same with {prior_study_uid} too. Empty: the prior is opened by the address above.",
    )  # fmt: skip

    alias_confidential = models.BooleanField(
        "aliases at scanners", default=True,
        help_text="Scanners list a confidential patient under an alias, not under the name.",
    )  # fmt: skip

    class Meta:
        ordering = ["code"]
        permissions = [("work_at", "Works at this site")]  # granted for each site: ris.people.selectors

    def __str__(self) -> str:
        return self.name


class Subspecialty(models.Model):
    """A part of radiology to which procedures belong and in which readers are trained."""

    code = models.SlugField(max_length=16, unique=True)
    name = models.CharField(max_length=60)

    class Meta:
        ordering = ["code"]
        verbose_name_plural = "subspecialties"

    def __str__(self) -> str:
        return self.name


class Device(models.Model):
    """A scanner: what the DICOM side calls a station."""

    # PROTECT: orders and exams of years refer to it. What is out of use is switched off (``active``).
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="devices")
    # Unique over all sites: a worklist query names its device by the calling AE title alone (VR AE: 16 characters).
    ae_title = models.CharField("AE title", max_length=16, unique=True)
    name = models.CharField(max_length=64, help_text="Station Name (0008,1010), shown to people.")
    modality = models.CharField(max_length=16, help_text="DICOM modality, such as CT.")
    room = models.CharField(max_length=64, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["site", "ae_title"]

    def __str__(self) -> str:
        return self.ae_title


class Procedure(models.Model):
    """A kind of exam that can be ordered (IHE: the code of a Requested Procedure)."""

    code = models.CharField(max_length=32, help_text="As the EMR sends it in OBR-4.1.")
    coding_system = models.CharField(max_length=32, default="L", help_text="OBR-4.3.")
    name = models.CharField(max_length=120)
    cpt = models.CharField("CPT", max_length=8, blank=True)
    loinc = models.CharField("LOINC", max_length=12, blank=True)
    radlex = models.CharField("RadLex", max_length=12, blank=True, help_text="RadLex playbook identifier (RPID).")
    modality = models.CharField(max_length=16)
    body_region = models.CharField(max_length=32, help_text="Such as HEAD, CHEST, ABDOMEN, KNEE.")
    laterality = models.CharField(max_length=1, blank=True, help_text="L, R, B or empty.")  # (0020,0060) has L and R
    subspecialty = models.ForeignKey(Subspecialty, on_delete=models.PROTECT, related_name="procedures")
    minutes = models.PositiveSmallIntegerField(help_text="Room time, minutes.")
    preparation = models.TextField(
        blank=True, default="", help_text="What the patient does before and brings along: on the appointment sheet."
    )
    reading_minutes = models.DecimalField(max_digits=5, decimal_places=1, help_text="Median reading time, minutes.")
    rvu = models.DecimalField("RVU", max_digits=5, decimal_places=2)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            # The index that ris.orders.prepared_queries asks: an order's code matches in either case.
            models.UniqueConstraint(Upper("code"), "coding_system", name="procedure_code"),
            models.CheckConstraint(condition=Q(laterality__in=["", "L", "R", "B"]), name="procedure_laterality"),
        ]

    def __str__(self) -> str:
        return self.name


class DeviceProcedure(models.Model):
    """How long a procedure takes on one device, where that is not the catalog's room time; or that it is not done."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="durations")
    procedure = models.ForeignKey(Procedure, on_delete=models.CASCADE, related_name="durations")
    minutes = models.PositiveSmallIntegerField(help_text="Room time with set-up and clean-down, minutes.")
    offered = models.BooleanField(default=True, help_text="Off: this device does not do this procedure.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "procedure"], name="device_procedure_once"),
            models.CheckConstraint(condition=Q(minutes__gt=0, minutes__lte=1440), name="device_procedure_minutes"),
        ]

    def __str__(self) -> str:
        return f"{self.procedure} on {self.device}: {self.minutes} min"
