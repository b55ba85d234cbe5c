"""``bin/ris fhir conformance``: what is searched and included, as tables for ``docs/interfaces/fhir.md``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from interfaces.fhir.capability import conformance_tables


class Command(BaseCommand):
    help = "Print the search parameters, includes and interactions of the FHIR server."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["conformance"])

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(conformance_tables(), ending="")
