"""``bin/ris prepare``: migrate, collect static files, fill an empty database."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.core.management.base import BaseCommand

from interfaces.hl7.outbound.queue import apply_settings
from ris.demo.day import fill_day
from ris.demo.pacs import forget_pacs
from ris.demo.role import is_live
from ris.kernel.clock import now
from ris.operations.grants import grant_application
from ris.people.models import User

KEPT_S = 7 * 24 * 3600
"""Seconds for which files of an earlier version stay: pages and processes of that version still ask for them."""


class Command(BaseCommand):
    help = "Make ready to serve: migrate, collect static files, fill an empty database with the demo hospital."

    def handle(self, *args: Any, **options: Any) -> None:
        # The grants follow the migrations, which may have made new tables.
        call_command("migrate", interactive=False, verbosity=options["verbosity"] - 1)
        if settings.RIS.database_role:
            growing = grant_application(settings.RIS.database_role)
            self.stdout.write(f"{settings.RIS.database_role} may serve; it can only append to {', '.join(growing)}.")
        if self._static_is_old():
            call_command("collectstatic", interactive=False, verbosity=0)
            _remove_old_files(Path(settings.STATIC_ROOT))
        if settings.RIS.demo and not settings.RIS.demo_pacs:
            forget_pacs()
        if settings.RIS.demo and not User.objects.exists():
            call_command("demo", "seed")
            if is_live():
                apply_settings(at=now())  # the reports of yesterday have somewhere to go
                fill_day(now())
        elif not User.objects.exists():
            self.stdout.write("There are no users yet: make the first with “./bin/ris createsuperuser”.")
        elif (kept := settings.RIS.data / "demo-users.txt").exists():
            self.stdout.write(f"The demo users' passwords are in {kept}")

    def _static_is_old(self) -> bool:
        """Whether a file was added (however old it is itself) or changed since they were collected."""
        manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
        if not manifest.exists():
            return True
        collected = manifest.stat().st_mtime
        known = json.loads(manifest.read_text())["paths"]
        sources = ((name, storage) for finder in finders.get_finders() for name, storage in finder.list([]))
        return any(name not in known or Path(store.path(name)).stat().st_mtime > collected for name, store in sources)


def _remove_old_files(root: Path) -> None:
    """Remove what an earlier version left: each version's files have hashes in their names and would pile up."""
    manifest = root / "staticfiles.json"
    paths: dict[str, str] = json.loads(manifest.read_text())["paths"]
    known = {*paths, *paths.values(), manifest.name}
    for file in root.rglob("*"):
        old = file.is_file() and time.time() - file.stat().st_mtime > KEPT_S
        if old and file.relative_to(root).as_posix().removesuffix(".gz").removesuffix(".br") not in known:
            file.unlink()
