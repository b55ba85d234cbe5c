"""Encodes a worklist entry (PS3.5 section 7): the same bytes as pydicom, at a fraction of its cost.

``tests/interfaces/dicom/mwl/test_writing.py`` holds every byte against pydicom's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from struct import Struct
from typing import cast

from pydicom.datadict import dictionary_VR

from ris.orders.mwl.rows import Entry

from ..encoding import charsets
from .attributes import CHARACTER_SET, ITEM_BY_TAG, ROOT_BY_TAG, SPS, Attribute, Item, Plain
from .identifier import ReturnKeys

MAX_CHARACTERS = {"SH": 16, "LO": 64, "CS": 16, "AE": 16, "PN": 64, "LT": 10240, "DS": 16}
"""Characters, of one value (of one component group for PN): PS3.5 table 6.2-1."""

_IMPLICIT = Struct("<HHL").pack
_SHORT = Struct("<HH2sH").pack
_LONG = Struct("<HH2sHL").pack
_US = Struct("<H").pack
# Explicit VRs with two reserved bytes and a length of 32 bits (PS3.5 table 7.1-1).
_LONG_HEADERS = frozenset(["SQ", "UC", "UR", "UT", "UN", "OB", "OD", "OF", "OL", "OV", "OW", "SV", "UV"])
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
# LT and UT keep TAB, LF, FF and CR (PS3.5 6.1.3). ESC goes everywhere: texts are encoded anew.
_CONTROLS_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")

_ODD = re.compile(r"[\x00-\x1f\x7f\\]")
"""Texts without any of these, nearly all, need no cleaning."""

Flat = tuple[int, str, "str | int | list[list[Flat]]"]
"""An element ready to be encoded: tag, VR, and the text, number or items."""


@dataclass(frozen=True, slots=True)
class EncodedEntry:
    """An encoded Identifier and what had to be changed: the tags of cut values, another set, Latin letters."""

    identifier: bytes
    cut: tuple[str, ...] = ()
    other_charset: bool = False
    transliterated: bool = False

    @property
    def notes(self) -> list[str]:
        """The changes as they stand in the log of queries."""
        notes = [f"cut {tag}" for tag in self.cut]
        notes += ["other character set"] * self.other_charset
        return notes + ["transliterated to ASCII"] * self.transliterated


def encode_entry(
    e: Entry, shape: ReturnKeys, *, implicit: bool, preferred: tuple[str, ...] = (), cut: bool = True
) -> EncodedEntry:
    """Encode what was asked of the entry, little endian, in the preferred character set or one that fits."""
    too_long: list[str] = []
    elements = [_build_element(tag, ROOT_BY_TAG, e, cut, too_long) for tag in shape.root]
    if shape.item is not None:
        item = [_build_element(tag, ITEM_BY_TAG, e, cut, too_long) for tag in shape.item]
        elements.append((SPS, "SQ", [item]))
    transliterated = preferred == charsets.ASCII_ONLY and any(not text.isascii() for _, text in _texts(elements))
    if transliterated:
        elements = [_in_ascii(element) for element in elements]
    charset = charsets.choose_charset(list(_texts(elements)), preferred)
    if charset or shape.character_set:
        elements.append((CHARACTER_SET, "CS", "\\".join(charset)))
    # Ascending tags (PS3.5 7.1): the character set and the step sequence were put behind the others.
    elements.sort(key=itemgetter(0))
    encoded = _encode(elements, charset, implicit)
    other = bool(preferred) and preferred != charsets.ASCII_ONLY and charset != preferred
    return EncodedEntry(encoded, tuple(too_long), other, transliterated)


def _in_ascii(element: Flat) -> Flat:
    tag, vr, value = element
    if isinstance(value, list):
        return tag, vr, [[_in_ascii(inner) for inner in item] for item in value]
    return tag, vr, charsets.transliterate(value, vr) if isinstance(value, str) else value


def _build_element(tag: int, known: dict[int, Attribute], e: Entry, cut: bool, too_long: list[str]) -> Flat:
    attribute = known.get(tag)
    if attribute is None:  # asked for, unknown here: returned empty
        return tag, vr_of(tag), ""
    value = attribute.of(e)
    if attribute.vr == "SQ":
        items = cast("list[Item]", value)
        return tag, "SQ", [[(t, vr, _text(t, vr, v, cut, too_long)) for t, vr, v in item] for item in items]
    return tag, attribute.vr, _text(tag, attribute.vr, cast(Plain, value), cut, too_long)


def _text(tag: int, vr: str, value: Plain, cut: bool, too_long: list[str]) -> str | int:
    """The value as it goes out: no control characters, no value delimiter that was not meant as one, not too long."""
    if not value and value != 0:
        return ""
    if isinstance(value, str):
        return _clean_value(tag, vr, value, cut, too_long)
    if isinstance(value, int):
        return value
    return "\\".join(_clean_value(tag, vr, text, cut, too_long) for text in value or ())


def _clean_value(tag: int, vr: str, text: str, cut: bool, too_long: list[str]) -> str:
    if _ODD.search(text):
        text = remove_controls(text, vr)
    longest = MAX_CHARACTERS.get(vr)
    if not cut or not longest or len(text) <= longest:
        return text
    short = shorten(text, vr, longest)
    if short != text:
        too_long.append(f"({tag >> 16:04X},{tag & 0xFFFF:04X})")
    return short


def remove_controls(text: str, vr: str) -> str:
    """Text without the characters that its VR forbids (DICOM PS3.5 6.2)."""
    if vr in ("LT", "UT"):
        return _CONTROLS_IN_TEXT.sub("", text)
    return _CONTROLS.sub(" ", text).replace("\\", "/")


def shorten(text: str, vr: str, longest: int) -> str:
    """Cut to so many characters, never inside one; a Person Name in each of its component groups."""
    if vr == "PN":
        return "=".join(group[:longest] for group in text.split("="))
    return text[:longest]


@lru_cache(maxsize=512)
def vr_of(tag: int) -> str:
    """The dictionary's VR, for an attribute that is not in our tables."""
    try:
        return dictionary_VR(tag).split(" ")[0]
    except KeyError:
        return "UN"


def _texts(elements: Iterable[Flat]) -> Iterable[tuple[str, str]]:
    for _, vr, value in elements:
        if isinstance(value, list):
            for item in value:
                yield from _texts(item)
        elif isinstance(value, str):
            yield vr, value


def _encode(elements: Iterable[Flat], charset: tuple[str, ...], implicit: bool) -> bytes:
    parts = []
    for tag, vr, value in elements:
        if isinstance(value, list):
            raw = b"".join(_item(item, charset, implicit) for item in value)
        elif isinstance(value, int):
            raw = _US(value)
        else:
            raw = charsets.encode_text(value, vr, charset)
            if len(raw) & 1:
                # Values have even lengths: NUL for a UID, a blank for a text (PS3.5 6.2).
                raw += b"\0" if vr == "UI" else b" "
        parts += [_header(tag, vr, len(raw), implicit), raw]
    return b"".join(parts)


def _item(item: list[Flat], charset: tuple[str, ...], implicit: bool) -> bytes:
    raw = _encode(item, charset, implicit)
    # Item of explicit length, without a VR in every transfer syntax (PS3.5 7.5).
    return _IMPLICIT(0xFFFE, 0xE000, len(raw)) + raw


def _header(tag: int, vr: str, length: int, implicit: bool) -> bytes:
    if implicit:
        return _IMPLICIT(tag >> 16, tag & 0xFFFF, length)
    if vr in _LONG_HEADERS:
        return _LONG(tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
    return _SHORT(tag >> 16, tag & 0xFFFF, vr.encode(), length)
