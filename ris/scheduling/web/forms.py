"""What the calendar's pages read from forms, and how moments are written for a site's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from ris.catalog.models import Device, Site
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.kernel.values import day_or_none, id_or_none, read_id
from ris.orders.web.pages_orders import read_overbook_reason, read_site_moment
from ris.people.http import user_of
from ris.people.roles import Can
from ris.people.selectors import sites_for

__all__ = [
    "choose_site",
    "local_text",
    "read_day",
    "read_device",
    "read_overbook_reason",
    "read_site_moment",
    "week_of",
]


def choose_site(request: HttpRequest, can: Can = Can.SEE_ORDERS) -> tuple[list[Site], Site]:
    """The user's sites, and the one that the address names, else the first. Raises NotFound where they have none."""
    sites = list(sites_for(user_of(request), can))
    wanted = id_or_none(request.GET.get("site", "") or request.POST.get("site", ""))
    site = next((s for s in sites if s.pk == wanted), sites[0] if sites else None)
    if site is None:
        raise NotFound("You work at no site yet.")
    return sites, site


def read_day(request: HttpRequest, site: Site) -> date:
    """The day that the address names; today by the site's clock."""
    return day_or_none(request.GET.get("day", "")) or now().astimezone(ZoneInfo(site.time_zone)).date()


def week_of(day: date) -> date:
    """The Monday of its week."""
    return day - timedelta(days=day.weekday())


def read_device(request: HttpRequest, can: Can) -> Device:
    """The active device that the form names, at a site where the user may do that. Raises Invalid, NotFound."""
    device = (
        Device.objects.select_related("site").filter(pk=read_id(request.POST.get("device", ""), at="device")).first()
    )
    if device is None or not device.active or not sites_for(user_of(request), can).filter(pk=device.site_id).exists():
        raise NotFound("There is no such device at your sites.", at="device")
    return device


def local_text(moment: datetime, zone: ZoneInfo) -> str:
    """As a ``datetime-local`` field has it: by that clock, without an offset."""
    return moment.astimezone(UTC).astimezone(zone).strftime("%Y-%m-%dT%H:%M")
