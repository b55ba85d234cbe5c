"""Reads the Identifier of a worklist query (PS3.4 K.2.2.1): matching keys, return keys, and deviations it tolerates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, tzinfo
from functools import lru_cache
from io import BytesIO

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pynetdicom.dsutils import decode as decode_dataset

from ris.kernel.errors import Invalid

from ..encoding import charsets
from . import date_matching
from .attributes import CHARACTER_SET, ITEM_BY_TAG, LEVEL, ROOT_BY_TAG, SPS, STATUS_WORDS, TIMEZONE, Attribute

MAX_VALUES = 64
"""Values of one key; a longer list is no query of a scanner."""

MAX_VALUE_CHARACTERS = 1024
"""Characters of a value that is matched; no key that we match is longer (PS3.5 6.2), nor is what would fit it."""


@dataclass(frozen=True, slots=True)
class ReturnKeys:
    """Which attributes the answer holds: tags at the root, and in the scheduled step item (None: not asked for)."""

    root: tuple[int, ...]
    item: tuple[int, ...] | None
    character_set: bool
    """(0008,0005) itself was asked for."""


@dataclass(frozen=True, slots=True)
class WorklistQuery:
    """A query as it was read. ``texts`` holds the values by field of MwlQuestion, names and UIDs as sent."""

    shape: ReturnKeys
    texts: dict[str, tuple[str, ...]]
    dates: str
    times: str
    offset: tzinfo | None
    """Timezone Offset From UTC, of which the date and time keys are; None: those of the caller's site."""
    keys: dict[str, str]
    """The matching keys as they are shown to a person."""
    unsupported: tuple[str, ...] = ()
    """Keys we do not know, or do not match on: the answers' status is FF01."""
    habits: tuple[str, ...] = ()


@dataclass
class _Reading:
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    plain: dict[int, str] = field(default_factory=dict)
    unsupported: list[str] = field(default_factory=list)
    habits: list[str] = field(default_factory=list)


@lru_cache(maxsize=2048)
def parse_identifier(identifier: bytes, implicit: bool) -> WorklistQuery:
    """Read an encoded Identifier (little endian). The same bytes are read once.

    Raises Invalid (at = the tag) when it cannot be a worklist query: DIMSE status A900.
    """
    try:
        dataset = decode_dataset(BytesIO(identifier), implicit, True)
        return _read(dataset)
    except Invalid:
        raise
    except Exception as error:  # pydicom raises whatever it stumbles over
        raise Invalid(f"The identifier cannot be read ({type(error).__name__}).", at="Identifier") from error


def _read(dataset: Dataset) -> WorklistQuery:
    charset = charsets.parse_terms(_ascii(dataset, CHARACTER_SET))
    reading = _Reading()
    items = _items(dataset, SPS)
    if items is not None and len(items) > 1:
        raise Invalid("The Scheduled Procedure Step Sequence holds exactly one item.", at="(0040,0100)")
    root = _read_keys(dataset, ROOT_BY_TAG, charset, reading, at_root=True)
    item: list[int] | None = None
    if items is not None:
        item = _read_keys(items[0], ITEM_BY_TAG, charset, reading, at_root=False) if items else list(ITEM_BY_TAG)
        item = item or list(ITEM_BY_TAG)
    lifted = [tag for tag in root if tag in ITEM_BY_TAG and tag not in ROOT_BY_TAG]
    if lifted:
        reading.habits.append("step keys at the root")
        item = sorted({*(item or []), *lifted})
    shape = ReturnKeys(
        tuple(tag for tag in root if tag not in lifted), None if item is None else tuple(item), CHARACTER_SET in dataset
    )
    dates, times = reading.plain.get(0x00400002, ""), reading.plain.get(0x00400003, "")
    moments = (("start_date", dates), ("start_time", times))
    return WorklistQuery(
        shape=shape,
        texts=reading.texts,
        dates=dates,
        times=times,
        offset=date_matching.parse_utc_offset(_ascii(dataset, TIMEZONE)),
        keys={name: "\\".join(values) for name, values in reading.texts.items()} | {n: v for n, v in moments if v},
        unsupported=tuple(reading.unsupported),
        habits=tuple(reading.habits),
    )


def _read_keys(
    dataset: Dataset, known: dict[int, Attribute], charset: tuple[str, ...], reading: _Reading, *, at_root: bool
) -> list[int]:
    """Note each element's value as a key; return the tags that the answer is to hold, in order."""
    wanted = []
    # Ascending, as the response has them (PS3.5 7.1).
    for tag, element in sorted(dataset.items()):  # as they were read: nothing is converted that nobody needs
        number = int(tag)
        if number in (CHARACTER_SET, SPS):
            continue
        if number == LEVEL:
            reading.habits.append("query/retrieve level")
            continue
        # Group lengths are retired (PS3.5 7.2); odd groups are private. Neither narrows a list.
        if number & 0xFFFF == 0 or number >> 16 & 1:
            reading.habits.append("private or group length keys")
            continue
        attribute = known.get(number) or (ITEM_BY_TAG.get(number) if at_root else None)
        wanted.append(number)
        if attribute is None:
            reading.unsupported.append(str(tag))
        elif attribute.vr == "SQ":
            _note_value(tag, attribute, _code_values(dataset, tag, charset), reading)
        elif raw := _raw(element):
            # An LT may hold a backslash, and a range of DA or TM is one value.
            single = attribute.vr in ("LT", "DA", "TM")
            values = _values(raw, charset, single=single, universal="*^=" if attribute.vr == "PN" else "*")
            _note_value(tag, attribute, values, reading)
    return wanted


def _note_value(tag: BaseTag, attribute: Attribute, values: tuple[str, ...], reading: _Reading) -> None:
    if attribute.asks and any(len(value) > MAX_VALUE_CHARACTERS for value in values):
        raise Invalid(f"{tag} has over {MAX_VALUE_CHARACTERS} characters: shorten it.", at=str(tag))
    if attribute.asks == "start_from":
        reading.plain[int(tag)] = values[0] if values else ""
    elif values and int(tag) != TIMEZONE:
        if attribute.asks == "birth_dates" and any(_is_date_range(value) for value in values):
            reading.unsupported.append(str(tag))  # matched on one day only: a range hides nobody
        elif attribute.asks:
            reading.texts[attribute.asks] = _KINDS.get(attribute.asks, _unchanged)(values)
        else:
            reading.unsupported.append(str(tag))


def _unchanged(values: tuple[str, ...]) -> tuple[str, ...]:
    return values


def _statuses(values: tuple[str, ...]) -> tuple[str, ...]:
    # READY is a defined term (PS3.3 C.4.10) for which we have no state: ARRIVED is the nearest. CANCELED is met too.
    words = {word: state for state, word in STATUS_WORDS.items()} | {"CANCELED": "cancelled", "READY": "arrived"}
    return tuple(words.get(value.upper(), value) for value in values)


def _is_date_range(value: str) -> bool:
    return "-" in value and value.count("-") != 2  # YYYY-MM-DD is one day


def _birth_dates(values: tuple[str, ...]) -> tuple[str, ...]:
    dates = [date_matching.parse_date(value) for value in values]
    return tuple(d.isoformat() if isinstance(d, date) else "0001-01-01" for d in dates)


_KINDS: dict[str, Callable[[tuple[str, ...]], tuple[str, ...]]] = {"states": _statuses, "birth_dates": _birth_dates}


def _items(dataset: Dataset, tag: int) -> list[Dataset] | None:
    if tag not in dataset:
        return None
    value = dataset[tag].value
    return list(value) if value else []


def _raw(element: DataElement | RawDataElement | None) -> bytes:
    if element is None:
        return b""
    value = element.value
    if isinstance(element, RawDataElement):
        return bytes(value or b"")
    return str("" if value is None else value).encode()


def _ascii(dataset: Dataset, tag: int) -> str:
    raw = _raw(dataset.get_item(tag)) if tag in dataset else b""
    return raw.decode("ascii", "replace").strip(" \0")


def _values(raw: bytes, charset: tuple[str, ...], *, single: bool, universal: str = "*") -> tuple[str, ...]:
    """The values, without padding; none when any of them matches everything (PS3.4 C.2.2.2.3).

    ``universal``: characters of which alone a value asks nothing. ``^`` and ``=`` only part a Person Name.
    """
    text = charsets.decode_text(raw, charset).replace("\0", "")
    values = [value.strip() for value in ([text] if single else text.split("\\"))]
    if any(value and not value.strip(universal + " ") for value in values):
        return ()
    return tuple(value for value in values if value)[:MAX_VALUES]


def _code_values(dataset: Dataset, tag: BaseTag, charset: tuple[str, ...]) -> tuple[str, ...]:
    codes: list[str] = []
    for item in _items(dataset, int(tag)) or []:
        if 0x00080100 in item:
            codes += _values(_raw(item.get_item(0x00080100)), charset, single=False)
    return tuple(codes)
