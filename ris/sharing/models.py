"""Rows of sharing: a site's limits, shares with their log, accounts and invitations of the portal, cover texts."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ris.catalog.models import Site

from .portal.models import CoverText, PortalAccount, PortalGrant, PortalInvitation
from .shares.models import Share, ShareView


class SharingLimits(models.Model):
    """What a site allows. A site without a row has the defaults."""

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="sharing_limits")
    longest_days = models.PositiveSmallIntegerField(default=30, help_text="After so many days a share has run out.")
    most_views = models.PositiveSmallIntegerField(default=20, help_text="So often a share can be opened at most.")
    proxy_age = models.PositiveSmallIntegerField(
        default=16, help_text="Years: from that birthday on, parents see their child's results no more."
    )

    class Meta:
        verbose_name_plural = "sharing limits"
        constraints = [
            models.CheckConstraint(
                condition=Q(longest_days__range=(1, 365), most_views__range=(1, 1000), proxy_age__range=(0, 18)),
                name="sharing_limits_range",
            ),
        ]

    def __str__(self) -> str:
        return f"Sharing at {self.site.code}"


def limits_of(site: Site) -> SharingLimits:
    """The limits of a site; the defaults where nobody set any."""
    return SharingLimits.objects.filter(site=site).first() or SharingLimits(site=site)


__all__ = [
    "CoverText", "PortalAccount", "PortalGrant", "PortalInvitation", "Share", "ShareView", "SharingLimits", "limits_of",
]  # fmt: skip
