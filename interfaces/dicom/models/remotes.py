"""Remote application entities: archives, and targets of forwarded MPPS messages."""

from __future__ import annotations

from django.db import models


class Remote(models.Model):
    """Another DICOM system that is called from here."""

    name = models.SlugField(max_length=32, unique=True)
    ae_title = models.CharField("AE title", max_length=16)
    host = models.CharField(max_length=120)
    port = models.PositiveIntegerField(default=104)
    calling_ae = models.CharField(max_length=16, blank=True, help_text="Our title towards it; empty: our own.")
    tls = models.BooleanField("TLS", default=False)
    enabled = models.BooleanField(default=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class MppsTarget(Remote):
    """A further system that is told what devices do (IHE PPS Manager)."""

    class Meta:
        verbose_name = "MPPS target"


class Archive(Remote):
    """Where images are: asked for what arrived, searched for priors, told to move them."""

    POLLS = [("", "Not asked"), ("cfind", "By C-FIND"), ("qido", "By QIDO-RS")]

    dicomweb = models.URLField("DICOMweb address", blank=True, help_text="Such as https://archive/dicom-web.")
    poll = models.CharField(max_length=8, choices=POLLS, blank=True, help_text="How it is asked what arrived.")
    webhook_digest = models.CharField(
        max_length=64, blank=True, editable=False, help_text="SHA-256 of the token its stable-study callback brings."
    )
    authorities = models.JSONField(
        default=list, blank=True, help_text="Assigning authorities of the patient numbers that it knows; empty: all."
    )
    destination = models.CharField(max_length=16, blank=True, help_text="AE title that priors are moved to.")
    move_hook = models.URLField(
        blank=True, help_text="Asked by POST to fetch a prior, instead of C-MOVE: {study_uid, destination}."
    )
    most_at_once = models.PositiveSmallIntegerField(default=2, help_text="Moves under way at the same time.")
    quiet_from = models.TimeField(null=True, blank=True, help_text="No routine moves from… (UTC)")
    quiet_until = models.TimeField(null=True, blank=True, help_text="…until.")

    def __str__(self) -> str:
        return self.name
