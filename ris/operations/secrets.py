"""Puts every secret of the database under the first key of the ring, so that an old key can be taken away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction

from ris.kernel.values.key_ring import decrypt, encrypt, is_current

PLACES = {"secret", "seed", "migrated_codes"}
"""Keys of an authenticator's data that hold secrets: of one-time passwords and of recovery codes."""


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
    return changed, total


def _secrets_of(data: dict[str, Any]) -> Iterator[str]:
    for key in PLACES & set(data):
        yield from data[key] if isinstance(data[key], list) else [data[key]]


def _renewed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renewed(text) for text in value]
    return value if is_current(value) else encrypt(decrypt(value))
