"""Secrets in the database, encrypted under a ring of keys: the first encrypts, all decrypt.

For what must be read again, such as the seed of a one-time password; what must only be compared is hashed. Who takes a
copy of the database takes none of these without the keys, which are in the environment (``RIS_SECRET_KEYS``).
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings

MARK = "ring1:"
"""What an encrypted text begins with; a text without it was stored before there was a ring."""

ALIKE = "ring1s:"
"""The same for a text that was encrypted so that equal texts stay equal."""


class KeyMissing(Exception):
    """No key of the ring decrypts it. Its text holds nothing of the secret."""


def encrypt(text: str) -> str:
    """The text encrypted under the first key (Fernet: AES-128-CBC with HMAC-SHA256), as printable text."""
    return MARK + _ring().encrypt(text.encode()).decode("ascii")


def decrypt(stored: str) -> str:
    """What was encrypted under any key of the ring; a text without the mark as it is. Raises KeyMissing."""
    if not stored.startswith(MARK):
        return stored
    try:
        return _ring().decrypt(stored.removeprefix(MARK).encode("ascii")).decode()
    except InvalidToken:
        raise KeyMissing("A secret is under a key that RIS_SECRET_KEYS does not name: add it at the end.") from None


def is_current(stored: str) -> bool:
    """Whether it is encrypted under the first key."""
    if not stored.startswith(MARK):
        return False
    try:
        _fernet(settings.SECRET_KEYS[0]).decrypt(stored.removeprefix(MARK).encode("ascii"))
    except InvalidToken:
        return False
    return True


def _ring() -> MultiFernet:
    return MultiFernet([_fernet(key) for key in settings.SECRET_KEYS])


def _fernet(key: str) -> Fernet:
    # A key of ours is any random text; Fernet wants 32 bytes. Another use of the same text gives other bytes.
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"wetread key ring:" + key.encode()).digest()))


def encrypt_alike(text: str) -> str:
    """The text encrypted under the first key so that equal texts stay equal (AES-SIV, RFC 5297), as printable text.

    Who sees the column learns which rows have the same text, and nothing else.
    """
    return ALIKE + _alike(settings.SECRET_KEYS[0], text)


def decrypt_alike(stored: str) -> str:
    """The counterpart, under any key of the ring; a text without the mark as it is. Raises KeyMissing."""
    if not stored.startswith(ALIKE):
        return stored
    raw = base64.urlsafe_b64decode(stored.removeprefix(ALIKE))
    for key in settings.SECRET_KEYS:
        try:
            return _siv(key).decrypt(raw, None).decode()
        except InvalidTag:
            continue
    raise KeyMissing("A secret is under a key that RIS_SECRET_KEYS does not name: add it at the end.")


def _alike(key: str, text: str) -> str:
    return base64.urlsafe_b64encode(_siv(key).encrypt(text.encode(), None)).decode("ascii")


def _siv(key: str) -> AESSIV:
    return AESSIV(hashlib.sha512(b"wetread key ring, alike:" + key.encode()).digest())
