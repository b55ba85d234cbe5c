"""Character sets (PS3.3 C.12.1.1.2): reading what devices send, choosing what they get."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from pydicom.charset import convert_encodings, decode_bytes, encode_string, python_encoding
from pydicom.valuerep import PersonName

UTF_8 = ("ISO_IR 192",)
PLAIN: tuple[str, ...] = ()
"""The default repertoire, ISO 646: (0008,0005) is absent, or empty where it was asked for."""

SINGLE_BYTE = tuple(f"ISO_IR {number}" for number in (100, 101, 148, 110, 109, 144, 127, 126, 138, 166))
"""Latin 1, 2, 5, 4, 3 (the commoner first), Cyrillic, Arabic, Greek, Hebrew, Thai: tried in this order."""

_CODECS = {term: python_encoding[term] for term in (*SINGLE_BYTE, *UTF_8, "GB18030", "GBK")}
_DELIMITERS = {0x0D, 0x0A, 0x09, 0x0C, 0x5C}


def parse_terms(raw: str) -> tuple[str, ...]:
    """The terms of (0008,0005), with the misspellings that are met put right (``ISO_IR_100``, ``ISO-IR 100``)."""
    parts = [re.sub(r"^ISO[ _-]+(2022[ _-]+)?IR[ _-]*", _proper, part.strip().upper()) for part in raw.split("\\")]
    return tuple(parts) if any(parts) else PLAIN


def _proper(match: re.Match[str]) -> str:
    return "ISO 2022 IR " if match.group(1) else "ISO_IR "


@lru_cache(maxsize=64)
def codecs_of(of: tuple[str, ...]) -> Sequence[str]:
    """pydicom's codecs for the terms. Unknown terms fall back to the default repertoire."""
    try:
        return convert_encodings(list(of) or "ISO_IR 6")
    except LookupError:
        return ["iso8859"]


def decode_text(raw: bytes, of: tuple[str, ...]) -> str:
    """Bytes of a query as text. Plain bytes above 127 are taken as UTF-8 when they are, else as Latin 1."""
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    if not of:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    try:
        return decode_bytes(raw, codecs_of(of), _DELIMITERS)
    except (LookupError, UnicodeError, ValueError):
        return raw.decode("utf-8", "replace")


def encode_text(text: str, vr: str, of: tuple[str, ...]) -> bytes:
    """Text as bytes in the character set. Raises UnicodeEncodeError when it does not fit."""
    if text.isascii():
        return text.encode("ascii")
    if len(of) == 1 and of[0] in _CODECS:
        return text.encode(_CODECS[of[0]])
    if not of:
        return text.encode("ascii")
    codecs = codecs_of(of)
    if vr == "PN":
        encoded = b"\\".join(PersonName(name).encode(codecs) for name in text.split("\\"))
    else:
        encoded = b"\\".join(encode_string(value, codecs) for value in text.split("\\"))
    if decode_bytes(encoded, codecs, _DELIMITERS | ({0x5E, 0x3D} if vr == "PN" else set())) != text:
        raise UnicodeEncodeError("dicom", text, 0, 1, "not in the character set")
    return encoded


def choose_charset(texts: Sequence[tuple[str, str]], preferred: tuple[str, ...]) -> tuple[str, ...]:
    """The set for these (VR, text): the preferred one if they fit, else the smallest that fits, else UTF-8."""
    if not preferred and all(text.isascii() for _, text in texts):
        return PLAIN
    candidates = [preferred] if preferred else []
    for candidate in [*candidates, *((term,) for term in SINGLE_BYTE)]:
        try:
            for vr, text in texts:
                encode_text(text, vr, candidate)
        except UnicodeError:
            continue
        return candidate
    return UTF_8
