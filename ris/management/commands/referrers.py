"""``bin/ris referrers``: enter who ordered into the address book, for orders that came before there was one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ris.kernel.clock import now
from ris.orders.services import enter_referrers


class Command(BaseCommand):
    help = (
        "Enter who ordered into the address book, for orders that came before there was one. "
        "Run it once after an upgrade, beside the traffic; run it again if it was stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--together", type=int, default=200, help="orders a transaction")

    def handle(self, *args: Any, **options: Any) -> None:
        entered = 0
        after: int | None = 0
        while after is not None:
            number, after = enter_referrers(after=after, most=options["together"], at=now())
            entered += number
        self.stdout.write(f"{entered} orders have an entry now.")
