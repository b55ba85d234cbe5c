"""Character sets (PS3.3 C.12.1.1.2): reading what devices send, choosing what they get."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from pydicom.charset import convert_encodings, decode_bytes, encode_string, python_encoding
from pydicom.valuerep import PersonName

UTF_8 = ("ISO_IR 192",)
PLAIN: tuple[str, ...] = ()
"""The default repertoire, ISO 646: (0008,0005) is absent, or empty where it was asked for."""

SINGLE_BYTE = tuple(f"ISO_IR {number}" for number in (100, 101, 148, 110, 109, 144, 127, 126, 138, 166))
"""Latin 1, 2, 5, 4, 3 (the commoner first), Cyrillic, Arabic, Greek, Hebrew, Thai: tried in this order."""

ASCII_ONLY = ("ISO_IR 6",)
"""Of a device that reads the default repertoire alone: what does not fit is transliterated."""

STANDALONE = ("ISO_IR 6", *SINGLE_BYTE, "ISO_IR 13", *UTF_8, "GB18030", "GBK")
"""Defined terms that stand alone (PS3.3 tables C.12-2, C.12-5)."""
EXTENSIONS = tuple(
    f"ISO 2022 IR {n}" for n in (6, 100, 101, 109, 110, 144, 127, 126, 138, 148, 13, 166, 87, 159, 149, 58)
)
"""Defined terms with code extensions (PS3.3 tables C.12-3, C.12-4): several of them, the first perhaps empty."""
# fmt: off
NAMES = {
    "ASCII": "ISO_IR 6", "US-ASCII": "ISO_IR 6", "ISO646": "ISO_IR 6", "NONE": "",
    "LATIN1": "ISO_IR 100", "LATIN2": "ISO_IR 101", "LATIN3": "ISO_IR 109", "LATIN4": "ISO_IR 110",
    "LATIN5": "ISO_IR 148",
    "ISO88591": "ISO_IR 100", "ISO88592": "ISO_IR 101", "ISO88593": "ISO_IR 109", "ISO88594": "ISO_IR 110",
    "ISO88595": "ISO_IR 144", "ISO88596": "ISO_IR 127", "ISO88597": "ISO_IR 126", "ISO88598": "ISO_IR 138",
    "ISO88599": "ISO_IR 148", "WINDOWS1252": "ISO_IR 100", "CP1252": "ISO_IR 100",
    "UTF8": "ISO_IR 192", "UNICODE": "ISO_IR 192", "GB2312": "GB18030",
}
# fmt: on
"""What people write for a defined term, without blanks, hyphens and underscores."""

_CODECS = {term: python_encoding[term] for term in (*SINGLE_BYTE, *UTF_8, "GB18030", "GBK")}
# CR, LF, TAB, FF and the backslash: after each the first set is in force again
# (PS3.5 6.1.2.5.3); in a PN after ^ and = too.
_DELIMITERS = {0x0D, 0x0A, 0x09, 0x0C, 0x5C}


def parse_terms(raw: str) -> tuple[str, ...]:
    """The terms of (0008,0005), with the misspellings that are met put right (``ISO_IR_100``, ``ISO-IR 100``)."""
    parts = [re.sub(r"^ISO[ _-]+(2022[ _-]+)?IR[ _-]*", _proper, part.strip().upper()) for part in raw.split("\\")]
    return tuple(parts) if any(parts) else PLAIN


def normalize_terms(raw: str) -> str:
    """The defined terms that a person means, ``\\`` between them. Raises ValueError, which says what is known."""
    terms = parse_terms(raw)
    if not terms:
        return ""
    if len(terms) == 1:
        term = NAMES.get(re.sub(r"[ _-]", "", terms[0]), terms[0])
        if term in ("", *STANDALONE, *EXTENSIONS):
            return term
    elif all(term in EXTENSIONS or (not term and not at) for at, term in enumerate(terms)):
        return "\\".join(terms)
    known = ", ".join((*STANDALONE, "or several of " + EXTENSIONS[0], "…", EXTENSIONS[-1]))
    raise ValueError(f"“{raw}” is no character set of DICOM. Known are {known}.")


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
        # Wrong bytes still make a key: it matches nothing, where an error would refuse the whole query.
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
    if preferred in (PLAIN, ASCII_ONLY) and all(text.isascii() for _, text in texts):
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


# fmt: off
_PAIRS = {
    "ß": "ss", "Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "Œ": "OE", "œ": "oe", "Đ": "D", "đ": "d", "Ł": "L", "ł": "l",
    "Þ": "TH", "þ": "th", "Ð": "D", "ð": "d", "ı": "i", "Ħ": "H", "ħ": "h", "’": "'", "‘": "'", "–": "-", "—": "-",
    "“": '"', "”": '"', "Ж": "ZH", "Х": "KH", "Ц": "TS", "Ч": "CH", "Ш": "SH", "Щ": "SHCH", "Ю": "YU", "Я": "YA",
    "Ъ": "", "Ь": "", "Є": "YE", "Ї": "YI", "Θ": "TH", "Χ": "CH", "Ψ": "PS", "Й": "Y", "Ё": "E",
}
_CYRILLIC = dict(zip("АБВГДЕЗИКЛМНОПРСТУФЫЭІҐ", "ABVGDEZIKLMNOPRSTUFYEIG", strict=True))
_GREEK = dict(zip("ΑΒΓΔΕΖΗΙΚΛΜΝΞΟΠΡΣΤΥΦΩ", "AVGDEZIIKLMNXOPRSTYFO", strict=True))
# fmt: on
_UPPER = _PAIRS | _CYRILLIC | _GREEK
_LOWER = {letter.lower(): latin.lower() for letter, latin in _UPPER.items() if len(letter.lower()) == 1}
_LETTERS = _LOWER | _UPPER | {"ς": "s"}
_DICOM_DELIMITERS = frozenset("\\^=")
"""What parts values, components and groups: a wide form of these must not become one of them."""


def transliterate(text: str, vr: str) -> str:
    """Text in ASCII: accents off, Cyrillic and Greek in Latin letters, ``?`` for what has none.

    Of a Person Name only the alphabetic group is kept, unless there is no other.
    """
    if text.isascii():
        return text
    if vr == "PN":
        names = (next((group for group in name.split("=") if group), "") for name in text.split("\\"))
        text = "\\".join(names)
    return "".join(map(_in_latin, unicodedata.normalize("NFC", text)))


def _in_latin(character: str) -> str:
    if character.isascii():
        return character
    if character in _LETTERS:
        return _LETTERS[character]
    parts = [part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part)]
    latin = "".join(_LETTERS.get(part, part) for part in parts)
    return latin if latin.isascii() and latin.isprintable() and _DICOM_DELIMITERS.isdisjoint(latin) else "?"
