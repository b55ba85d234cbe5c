"""``bin/ris webhook ADDRESS``: print the secret that signs calls to a webhook, for whoever runs the other side."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from ris.kernel.values.webhooks import derive_secret


class Command(BaseCommand):
    help = "Print the secret that signs calls to a webhook (Standard Webhooks), exactly as its address is set up."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", help="https://…")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(derive_secret(settings.SECRET_KEY, options["address"]))
