"""Report routes, report objects (SR, PDF, rejection notes), and their sends to archives."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from reporting.models import ReportVersion
from ris.catalog.models import Site
from ris.kernel.queue import Owed
from ris.orders.models import RequestedProcedure

from .. import states
from .remotes import Archive


class ReportRoute(models.Model):
    """Which archive gets the signed reports of which site, in which form, and how."""

    STORE, STOW = "cstore", "stow"
    WAYS = [(STORE, "By C-STORE"), (STOW, "By STOW-RS")]

    archive = models.ForeignKey(Archive, on_delete=models.CASCADE, related_name="report_routes")
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, help_text="Empty: every site.")
    sr = models.BooleanField("Basic Text SR", default=True)
    pdf = models.BooleanField("Encapsulated PDF", default=False)
    way = models.CharField(max_length=8, choices=WAYS, default=STORE, help_text="STOW-RS: to its DICOMweb address.")
    preliminary = models.BooleanField(default=False, help_text="Preliminary reports too, not only signed ones.")
    language = models.CharField(
        max_length=16, default="en", help_text="What reports are written in there: RFC 5646, such as de or ar-EG."
    )
    rejects = models.BooleanField(
        "Hides what is rejected",
        default=False,
        help_text="It hides reports that a rejection note names (IHE IOCM); else a person is told to.",
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(F("archive"), Coalesce("site", Value(0)), name="report_route_once"),
            models.CheckConstraint(condition=Q(way__in=["cstore", "stow"]), name="report_route_way"),
        ]

    def __str__(self) -> str:
        return f"reports of {self.site_id or 'every site'} to {self.archive_id}"


class ReportObject(models.Model):
    """A version of a report as a DICOM instance: made once, so that whoever gets it again gets the same.

    KOS: the rejection note of a retraction, which names what one archive has.
    """

    SR, PDF, KOS = "SR", "PDF", "KOS"

    version = models.ForeignKey(ReportVersion, on_delete=models.PROTECT, related_name="dicom_objects")
    form = models.CharField(max_length=4)
    archive = models.ForeignKey(
        Archive, null=True, blank=True, on_delete=models.CASCADE, related_name="+", help_text="Of a rejection note."
    )
    language = models.CharField(max_length=16)
    uid = models.CharField("SOP Instance UID", max_length=64, unique=True)
    series_uid = models.CharField("Series Instance UID", max_length=64)
    file = models.BinaryField(null=True, help_text="DICOM file (PS3.10); empty until it is first sent.")

    class Meta:
        constraints = [
            models.UniqueConstraint(F("version"), F("form"), Coalesce("archive", Value(0)), name="report_object_once"),
            models.CheckConstraint(
                condition=Q(form__in=["SR", "PDF"], archive=None) | Q(form="KOS", archive__isnull=False),
                name="report_object_form",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.form} of version {self.version_id}"


class ReportSend(Owed):
    """A report object owed to an archive. Of each archive and procedure the oldest goes first."""

    archive = models.ForeignKey(Archive, on_delete=models.CASCADE, related_name="report_sends")
    object = models.ForeignKey(ReportObject, on_delete=models.PROTECT, related_name="sends")
    way = models.CharField(max_length=8, choices=ReportRoute.WAYS)
    procedure = models.ForeignKey(RequestedProcedure, on_delete=models.PROTECT, related_name="report_sends")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["archive", "object"], name="report_send_once"),
            models.CheckConstraint(
                condition=Q(state__in=[states.QUEUED, states.SENT, states.SKIPPED]), name="report_send_state"
            ),
        ]
        indexes = [
            models.Index(fields=["archive", "procedure", "id"], name="report_send_lane", condition=Q(state="queued")),
            models.Index(fields=["state", "-id"], name="report_send_state"),
        ]

    def __str__(self) -> str:
        return f"object {self.object_id} → {self.archive_id}"
