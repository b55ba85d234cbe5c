"""``bin/ris admin``: open or seal the administrator's account for when the identity provider is away."""

from __future__ import annotations

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.people.login.policy import SEALED
from ris.people.login.sealed import open_seal, open_until, seal


class Command(BaseCommand):
    help = "The sealed administrator: open it (prints a new password once), seal it again, or say its state."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=["open", "seal", "state"])
        parser.add_argument("--reason", default="", help="why it is opened; it stands in the audit trail and the alarm")
        parser.add_argument("--hours", type=int, default=4, help="after which it closes by itself; 1 to 12, default 4")

    def handle(self, *args: Any, **options: Any) -> None:
        at, actor = now(), Actor(f"console: {getpass.getuser()}", None, "console")
        if options["verb"] == "open":
            try:
                password = open_seal(hours=options["hours"], reason=options["reason"], actor=actor, at=at)
            except Invalid as refusal:
                raise CommandError(f"{refusal.detail} (--{refusal.at})") from None
            self.stdout.write(f"{SEALED}  {password}")
            self.stderr.write(f"It closes by itself at {open_until(at=at):%H:%M UTC}; the alarm is open.")
        elif options["verb"] == "seal":
            self.stdout.write("Sealed." if seal(actor=actor, at=at) else "It was sealed.")
        else:
            until = open_until(at=at)
            self.stdout.write(f"Open until {until:%Y-%m-%d %H:%M UTC}." if until else "Sealed.")
