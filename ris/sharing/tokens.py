"""Tokens of links and codes of letters: made, kept as digests only, compared in constant time."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date

from django.utils.crypto import constant_time_compare, salted_hmac

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""No 0, 1, I, O: codes are read from paper."""
CODE_LENGTH = 12


def new_token() -> str:
    """256 random bits, for an address."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """SHA-256, hexadecimal; a token has too many bits to be tried, so it needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_code() -> str:
    """60 random bits to be typed: ``ABCD-2345-WXYZ``."""
    signs = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    return "-".join(signs[n : n + 4] for n in range(0, CODE_LENGTH, 4))


def code_digest(code: str) -> str:
    """HMAC-SHA256 under the secret key: codes are short enough to be tried by who has the table without the key."""
    plain = "".join(sign for sign in code.upper() if sign in ALPHABET)
    return salted_hmac("ris.sharing.code", plain, algorithm="sha256").hexdigest()


def new_pin() -> str:
    """Six digits."""
    return f"{secrets.randbelow(1_000_000):06d}"


def is_birth_date(typed: str, birth_date: date | None) -> bool:
    """Whether the day that was typed (``1945-07-14``, or its digits) is the patient's; never for an unknown one."""
    if birth_date is None:
        return False
    digits = "".join(sign for sign in typed if sign.isascii() and sign.isdigit())
    return constant_time_compare(digits, f"{birth_date:%Y%m%d}")
