"""``bin/ris doctor``: try every part, name each that fails with its cure."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ris.kernel.clock import now
from ris.operations.doctor import examine


class Command(BaseCommand):
    help = "Try database, broker, disk, certificates, backups and every peer; say what fails and how to cure it."
    requires_system_checks: Any = []  # it names what fails itself; a failed check would end it before

    def handle(self, *args: Any, **options: Any) -> None:
        failed = 0
        for finding in examine(now()):
            failed += bool(finding.fault)
            self.stdout.write(f"{'FAIL' if finding.fault else 'ok':5}{finding.part}")
            if finding.fault:
                self.stdout.write(f"     {finding.fault}\n     Cure: {finding.cure}")
        if failed:
            raise CommandError(f"{failed} failed.")
        self.stdout.write("All is well.")
