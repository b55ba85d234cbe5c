"""``bin/ris secrets rotate``: put all secrets of the database under the first key of RIS_SECRET_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ris.audit.services import Actor, record
from ris.kernel.clock import now
from ris.kernel.models import Heartbeat
from ris.kernel.values.key_ring import KeyMissing
from ris.operations.secrets import rotate_secrets


class Command(BaseCommand):
    help = "Secrets in the database: rotate. First put the new key before the old ones in RIS_SECRET_KEYS."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=["rotate"])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changed, total = rotate_secrets()
        except KeyMissing as error:
            raise CommandError(str(error)) from None
        row, _ = Heartbeat.objects.update_or_create(name="secrets-rotated", defaults={"at": now()})
        record(Actor.job("command line"), "secrets.rotate", row, at=now(), changed=changed, total=total)
        self.stdout.write(f"{changed} of {total} secrets were encrypted anew. The keys after the first can go now.")
