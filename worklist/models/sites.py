"""When cases of a site are opened, and cases that wait for their images."""

from __future__ import annotations

from django.db import models

from ris.catalog.models import Site
from ris.orders.models import RequestedProcedure


class SiteReading(models.Model):
    """How reading begins at a site. A site without a row has these defaults."""

    COMPLETED, FIRST_IMAGES, COMPLETE_IMAGES = "completed", "first images", "complete images"
    OPENS_ON = [
        (COMPLETED, "The exam is completed"),
        (FIRST_IMAGES, "The first images are in the archive"),
        (COMPLETE_IMAGES, "All images are in the archive"),
    ]

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="reading")
    opens_on = models.CharField(
        max_length=16, choices=OPENS_ON, default=COMPLETED, help_text="What puts an exam on the reading worklist."
    )
    images_within = models.PositiveSmallIntegerField(
        default=60, help_text="Minutes after the exam; images that come later are alarmed, where they are waited for."
    )

    class Meta:
        verbose_name = "start of reading"
        verbose_name_plural = "starts of reading"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(opens_on__in=["completed", "first images", "complete images"]),
                name="site_reading_opens_on",
            )
        ]

    def __str__(self) -> str:
        return f"Reading at {self.site}"


class AwaitedImages(models.Model):
    """An exam that is done and cannot be read yet, since the images that its site waits for are not there."""

    procedure = models.OneToOneField(RequestedProcedure, on_delete=models.CASCADE, related_name="awaited_images")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField()
    alarmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "awaited images"
        indexes = [models.Index(fields=["site", "alarmed_at", "since"], name="awaited_images_late")]

    def __str__(self) -> str:
        return f"Images of {self.procedure_id}"
