"""``bin/ris downtime``: write the downtime kit now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ris.kernel.clock import now
from ris.operations.downtime import write_kit


class Command(BaseCommand):
    help = "Write schedules, work lists and critical findings as files that need no server (RIS_DOWNTIME)."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{write_kit(at=now())}")
