"""The downtime kit: what a hospital works with on paper while this system is away, as files that any PC opens.

A page for each site: who is scheduled where, today and tomorrow; what is to be read; critical findings.
No server, script or font is needed. The files hold patients' data in the clear: the folder belongs on a disk that is
encrypted, shared with those who need it in an emergency only.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone

from reporting.models import ReportVersion
from ris.catalog.models import Site
from ris.orders.models import ScheduledStep
from ris.orders.states import WAITING
from worklist.models import ReadingItem
from worklist.states import OPEN

CRITICAL_FOR = timedelta(hours=72)
"""Critical findings so old are on the list: whoever was told is asked once more rather than nobody."""
BLANK_LINES = range(25)
"""Of the form on which what is done meanwhile is written down, to be entered afterwards."""


def kit_folder() -> Path:
    """Where the kit is: RIS_DOWNTIME, else ``downtime`` in the data folder."""
    return Path(settings.RIS.downtime)


def write_kit(*, at: datetime) -> Path:
    """Write the kit anew and return its index. The old one is there until the new one is whole."""
    folder = kit_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".downtime-"))  # mode 700
    try:
        sites = list(Site.objects.order_by("name"))
        for site in sites:
            _write(fresh / f"site-{site.pk}.html", "downtime/site.html", _of_site(site, at), site.time_zone)
        _write(fresh / "index.html", "downtime/index.html", {"sites": sites, "at": at}, "UTC")
        _replace(folder, fresh)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return folder / "index.html"


def _replace(folder: Path, fresh: Path) -> None:
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _write(file: Path, template: str, context: dict[str, Any], zone: str) -> None:
    with timezone.override(ZoneInfo(zone)):
        text = render_to_string(template, context)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as target:
        target.write(text)


def _of_site(site: Site, at: datetime) -> dict[str, Any]:
    return {
        "site": site, "at": at, "devices": list(_schedule(site, at)), "items": _worklist(site),
        "criticals": _criticals(site, at), "blank": BLANK_LINES,
    }  # fmt: skip


def _schedule(site: Site, at: datetime) -> Iterator[tuple[str, list[ScheduledStep]]]:
    """Each device with its waiting steps, from the begin of the site's day to the end of the next, by time."""
    midnight = datetime.combine(at.astimezone(ZoneInfo(site.time_zone)).date(), time(), tzinfo=ZoneInfo(site.time_zone))
    steps = ScheduledStep.objects.filter(procedure__order__site=site, state__in=WAITING)
    steps = steps.filter(start__gte=midnight, start__lt=midnight + timedelta(days=2))
    steps = steps.select_related("procedure__order__patient", "procedure__procedure", "device").prefetch_related(
        "procedure__order__patient__identifiers"
    )
    by_device: dict[str, list[ScheduledStep]] = {}
    for step in steps.order_by("device__name", "start", "pk"):
        name = f"{step.device.name}, {step.device.room}" if step.device else "No device yet"
        by_device.setdefault(name, []).append(step)
    yield from by_device.items()


def _worklist(site: Site) -> list[ReadingItem]:
    """What is to be read, the most urgent first."""
    items = ReadingItem.objects.filter(site=site, state__in=OPEN)
    items = items.select_related("procedure__order__patient", "reader").order_by("urgency", "due_at", "pk")
    return list(items.prefetch_related("procedure__order__patient__identifiers"))


def _criticals(site: Site, at: datetime) -> list[ReportVersion]:
    versions = ReportVersion.objects.filter(report__item__site=site, critical_at__gte=at - CRITICAL_FOR)
    versions = versions.exclude(critical_level="").select_related("report__item", "report__procedure__order__patient")
    return list(versions.order_by("-critical_at", "-pk"))
