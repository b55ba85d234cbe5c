"""``bin/ris secrets rotate``: put all secrets of the database under the first key of RIS_SECRET_KEYS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import TextField
from django.db.models.functions import Cast

from interfaces.fhir.models import SigningKey, Subscription
from ris.audit.services import Actor, record
from ris.kernel.clock import now
from ris.kernel.models import Heartbeat
from ris.kernel.values.key_ring import KeyMissing, decrypt, encrypt, encrypt_alike, is_current
from worklist.models import EscalationMessage, EscalationRoute, ReaderProfile

PLACES = {"secret", "seed", "migrated_codes"}
"""Keys of an authenticator's data that hold secrets: of one-time passwords and of recovery codes."""


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


def rotate_secrets() -> tuple[int, int]:
    """Encrypt anew what is under another key than the first, or under none; how many were, of how many.

    All or nothing. Raises KeyMissing for a secret whose key is not in the ring.
    """
    changed = total = 0
    with transaction.atomic():
        for row in Authenticator.objects.select_for_update().order_by("pk"):
            stored = list(_secrets_of(row.data))
            total += len(stored)
            if all(map(is_current, stored)):
                continue
            changed += sum(not is_current(text) for text in stored)
            row.data = {key: _renewed(value) if key in PLACES else value for key, value in row.data.items()}
            row.save(update_fields=["data"])
        for subscription in Subscription.objects.select_for_update().exclude(secret_headers="").order_by("pk"):
            total += 1
            if not is_current(subscription.secret_headers):
                changed += 1
                subscription.secret_headers = _renewed(subscription.secret_headers)
                subscription.save(update_fields=["secret_headers"])
        sealed = (
            (EscalationRoute, "address"),
            (EscalationMessage, "address"),
            (ReaderProfile, "call_address"),
            (SigningKey, "pem"),
        )
        for model, column in sealed:
            # What the database holds, without the field that decrypts: which key a text is under shows there only.
            stored_texts = model.objects.annotate(kept=Cast(column, TextField())).exclude(**{column: ""})
            for pk, kept, text in stored_texts.select_for_update().values_list("pk", "kept", column):
                total += 1
                if kept != encrypt_alike(text):
                    changed += model.objects.filter(pk=pk).update(**{column: text})
    return changed, total


def _secrets_of(data: dict[str, Any]) -> Iterator[str]:
    for key in PLACES & set(data):
        yield from data[key] if isinstance(data[key], list) else [data[key]]


def _renewed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renewed(text) for text in value]
    return value if is_current(value) else encrypt(decrypt(value))
