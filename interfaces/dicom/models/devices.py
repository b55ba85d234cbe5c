"""Device profiles, the last queries of devices, and rejected associations."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models

from ris.catalog.models import Device

from ..encoding.charsets import normalize_terms


class DeviceProfile(models.Model):
    """How one device is spoken to, where the defaults do not suit it."""

    device = models.OneToOneField(Device, on_delete=models.CASCADE, related_name="dicom_profile")
    host = models.CharField(
        max_length=120, blank=True, help_text="Where it listens, for the echo test; empty: nowhere."
    )
    port = models.PositiveIntegerField(default=104)
    addresses = models.JSONField(
        default=list, blank=True, help_text="IP addresses or networks it may call from; empty: any."
    )
    require_tls = models.BooleanField("require TLS", default=False)
    certificate = models.CharField(
        max_length=200, blank=True,
        help_text="Common name of the TLS certificate that it must show; empty: any that the listener accepts.",
    )  # fmt: skip
    character_set = models.CharField(
        max_length=64,
        blank=True,
        help_text="Answers' (0008,0005), such as ISO_IR 100; ISO_IR 6: Latin letters only; empty: what fits.",
    )
    completes_by_images = models.BooleanField(
        "completes by images", default=False,
        help_text="It sends no MPPS: the first image starts the exam, the last one completes it.",
    )  # fmt: skip
    own_ae_only = models.BooleanField(
        "own AE only", default=False, help_text="Show only steps for this device, whatever AE title it asks for."
    )
    all_sites = models.BooleanField(default=False, help_text="Show the lists of other sites too.")
    modality_map = models.JSONField(
        default=dict, blank=True, help_text='What it asks → what is meant, such as {"CT": ["CT", "PT"]}.'
    )
    hours_back = models.PositiveIntegerField(
        default=72, help_text="A step nobody performed leaves the list so many hours after its start."
    )
    hours_ahead = models.PositiveIntegerField(
        null=True, blank=True, help_text="Steps that start later than so many hours from now are not shown."
    )
    most_rows = models.PositiveIntegerField(default=1000, help_text="An answer holds no more lines than that.")
    listed_states = models.JSONField(
        default=list, blank=True, help_text='States listed when it asks for none; empty: ["scheduled", "arrived"].'
    )
    left_out = models.JSONField(
        default=list, blank=True, help_text='Tags that are never sent to it, such as ["00102110"].'
    )
    cut_long_values = models.BooleanField(default=True, help_text="Cut values to the length of their VR.")

    def __str__(self) -> str:
        return f"profile of {self.device_id}"

    def clean(self) -> None:
        try:
            self.character_set = normalize_terms(self.character_set)
        except ValueError as error:
            raise ValidationError({"character_set": str(error)}) from None


class MwlQuery(models.Model):
    """One worklist query, kept for a while so that "why is my patient not on the list?" has an answer."""

    at = models.DateTimeField(help_text="UTC.")
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.CASCADE, related_name="mwl_queries")
    calling_ae = models.CharField(max_length=16, blank=True)
    address = models.CharField(max_length=64)
    identifier = models.BinaryField(help_text="The query as it was sent.")
    implicit = models.BooleanField(help_text="Its transfer syntax: Implicit VR, else Explicit VR Little Endian.")
    keys = models.JSONField(default=dict, help_text="The matching keys as they were read.")
    rows = models.PositiveIntegerField()
    ms = models.FloatField(help_text="From the query's last byte to the answer's last, milliseconds.")
    status = models.CharField(max_length=4, help_text="Final DIMSE status, hexadecimal.")
    notes = models.JSONField(default=list, help_text="Habits forgiven, keys not matched, values cut.")

    class Meta:
        verbose_name = "worklist query"
        verbose_name_plural = "worklist queries"
        indexes = [
            models.Index(fields=["device", "-at"], name="mwl_query_device"),
            models.Index(fields=["at"], name="mwl_query_at"),
        ]

    def __str__(self) -> str:
        return f"{self.calling_ae} {self.at:%Y-%m-%d %H:%M:%S}"


class Rejection(models.Model):
    """An association that was refused. The same caller refused for the same reason within a minute is one row."""

    at = models.DateTimeField(help_text="UTC.")
    calling_ae = models.CharField(max_length=16, blank=True)
    called_ae = models.CharField(max_length=16, blank=True)
    address = models.CharField(max_length=64)
    reason = models.CharField(max_length=48)
    times = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [models.Index(fields=["-at"], name="rejection_at")]

    def __str__(self) -> str:
        return f"{self.calling_ae or '?'} @ {self.address}: {self.reason}"
