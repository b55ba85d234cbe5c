"""Set-up of sharing: a site's limits."""

from __future__ import annotations

from django.contrib import admin

from ris.people.backoffice import SetUp

from .models import SharingLimits


@admin.register(SharingLimits)
class SharingLimitsAdmin(SetUp):
    """Limits of a site in the back office."""

    list_display = ("site", "longest_days", "most_views", "proxy_age")
