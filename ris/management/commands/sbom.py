"""``bin/ris sbom``: what requirements.txt pins, as a bill of materials (CycloneDX), or its known vulnerabilities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ris.kernel.clock import now
from ris.operations.advisories import INDEX, Unreachable, find_advisories
from ris.operations.sbom import Package, as_cyclonedx, read_packages


class Command(BaseCommand):
    help = "Print what this product is made of, as CycloneDX 1.5 (JSON): packages, versions, hashes, licences."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--advisories", action="store_true", help="ask for known vulnerabilities; some: exit code 1"
        )
        parser.add_argument("--index", default=INDEX, help=f"where to ask (default {INDEX})")
        parser.add_argument("--only", nargs="*", default=[], help="names of packages to ask for; without any: all")

    def handle(self, *args: Any, **options: Any) -> None:
        packages = read_packages(Path(settings.BASE_DIR) / "requirements.txt")
        if options["advisories"]:
            wanted = {name.lower() for name in options["only"]}
            chosen = [package for package in packages if not wanted or package.name in wanted]
            self._check(chosen, options["index"].rstrip("/"))
        else:
            self.stdout.write(json.dumps(as_cyclonedx(packages, at=now()), indent=1))

    def _check(self, packages: list[Package], index: str) -> None:
        try:
            found = find_advisories(packages, index=index)
        except Unreachable as error:
            # No failure: a build must not depend on a network, and nothing was found out.
            self.stderr.write(f"NOT CHECKED: the package index cannot be asked ({error}).")
            return
        for advisory in found:
            cure = f"take {', '.join(advisory.fixed_in)}" if advisory.fixed_in else "no version without it is known"
            self.stdout.write(f"{advisory.package} {advisory.version}: {advisory.id}; {cure}")
        if found:
            raise CommandError(f"{len(found)} known vulnerabilities.")
        self.stdout.write(f"{len(packages)} pinned packages: no known vulnerability.")
