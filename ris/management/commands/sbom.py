"""``bin/ris sbom``: print the bill of materials (CycloneDX) of what requirements.txt pins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from ris.kernel.clock import now
from ris.operations.sbom import as_cyclonedx, read_packages


class Command(BaseCommand):
    help = "Print what this product is made of, as CycloneDX 1.5 (JSON): packages, versions, hashes, licences."

    def handle(self, *args: Any, **options: Any) -> None:
        packages = read_packages(Path(settings.BASE_DIR) / "requirements.txt")
        self.stdout.write(json.dumps(as_cyclonedx(packages, at=now()), indent=1))
