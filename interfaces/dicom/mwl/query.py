"""Answers one worklist query (PS3.4 K.4.1.3): reads the identifier, narrows it to the caller, encodes the matches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ris.kernel.errors import Invalid
from ris.orders import states
from ris.orders.mwl.query import find_worklist_rows
from ris.orders.mwl.question import MwlQuestion
from ris.orders.mwl.rows import Listed, Row, parse_row

from ..upper_layer.admission import Caller
from .date_matching import build_interval
from .encoding import EncodedEntry, encode_entry
from .identifier import ReturnKeys, WorklistQuery, parse_identifier

# Statuses of PS3.4 table K.4-1. FF01: matches go on, but a key was not supported.
SUCCESS, PENDING, PENDING_WARNING, CANCEL = 0x0000, 0xFF00, 0xFF01, 0xFE00
OUT_OF_RESOURCES, NO_WORKLIST_QUERY, UNABLE = 0xA700, 0xA900, 0xC001

MAX_CACHED_ENCODINGS = 20_000
"""Some 30 MB of entries of 1.5 kB; when they are more, all are dropped and made anew as they are asked for."""


MAX_HOURS = 24 * 36_525
"""A century: what a device profile says beyond that would leave the calendar."""


class FindResponse(NamedTuple):
    """One response: its status, the encoded Identifier of a pending one, and a comment for a failure."""

    status: int
    identifier: bytes | None = None
    comment: str = ""


@dataclass(slots=True)
class QueryOutcome:
    """What became of a query; filled while the answers are drawn."""

    keys: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    status: int = SUCCESS
    notes: set[str] = field(default_factory=set)


class EncodingOptions(NamedTuple):
    """All that an encoding depends on beside the row itself."""

    shape: ReturnKeys
    implicit: bool
    preferred: tuple[str, ...]
    cut: bool


class _EncodingCache:
    """Encoded entries by the row they were made from, or its version: a changed row is another key, so none is stale.

    Threads may make the same one twice; that costs time and nothing else.
    """

    def __init__(self, most: int) -> None:
        self._by: dict[EncodingOptions, dict[Row, EncodedEntry]] = {}
        self._most, self._count = most, 0

    def of(self, options: EncodingOptions) -> dict[Row, EncodedEntry]:
        # 500 combinations of shape and settings: a fleet of scanners has some dozens, so more are made up by
        # somebody.
        if self._count > self._most or len(self._by) > 500:
            self._by, self._count = {}, 0
        return self._by.setdefault(options, {})

    def make(self, line: Listed, options: EncodingOptions, into: dict[Row, EncodedEntry]) -> EncodedEntry:
        assert line.row is not None
        written = encode_entry(
            parse_row(line.row), options.shape, implicit=options.implicit, preferred=options.preferred, cut=options.cut
        )
        into[line.key] = written
        self._count += 1
        return written


_cache = _EncodingCache(MAX_CACHED_ENCODINGS)


def answer_query(
    identifier: bytes,
    *,
    implicit: bool,
    caller: Caller,
    at: datetime,
    cancelled: Callable[[], bool],
    outcome: QueryOutcome,
) -> Iterator[FindResponse]:
    """The responses to one C-FIND: pending ones, then exactly one final. Sees what was committed before the call."""
    try:
        query = parse_identifier(identifier, implicit)
    except Invalid as error:
        outcome.status = NO_WORKLIST_QUERY
        yield FindResponse(NO_WORKLIST_QUERY, comment=error.detail)
        return
    outcome.keys = query.keys
    outcome.notes.update(query.habits, (f"not matched {tag}" for tag in query.unsupported))
    shape = _permitted(query.shape, caller)
    options = EncodingOptions(shape, implicit, caller.character_set, caller.cut_long_values)
    cached = _cache.of(options)
    status = PENDING_WARNING if query.unsupported else PENDING
    question, other_ids = build_question(query, caller, at), not _OTHER_IDS.isdisjoint(shape.root)
    for line in find_worklist_rows(question, other_ids=other_ids, known=cached):
        if cancelled():
            outcome.status = CANCEL
            yield FindResponse(CANCEL)
            return
        written = cached.get(line.key) or _cache.make(line, options, cached)
        if written.cut or written.other_charset or written.transliterated:
            outcome.notes.update(written.notes)
        outcome.rows += 1
        yield FindResponse(status, written.identifier)
    yield FindResponse(SUCCESS)


_OTHER_IDS = frozenset([0x00101000, 0x00101002])


def _permitted(shape: ReturnKeys, caller: Caller) -> ReturnKeys:
    if not caller.left_out:
        return shape
    item = None if shape.item is None else tuple(tag for tag in shape.item if tag not in caller.left_out)
    return ReturnKeys(tuple(tag for tag in shape.root if tag not in caller.left_out), item, shape.character_set)


def build_question(query: WorklistQuery, caller: Caller, at: datetime) -> MwlQuestion:
    """The query as a question to the orders, narrowed to what this caller may see. ``at``: aware, now."""
    # Without an offset of its own a query speaks by the clock of the caller's site (PS3.4 C.2.2.2.5).
    interval = build_interval(query.dates, query.times, query.offset or ZoneInfo(caller.time_zone))
    keys: dict[str, Any] = {**query.texts, **interval}
    if caller.own_ae_only and caller.ae_title:
        keys["stations"] = (caller.ae_title,)
    keys["modalities"] = caller.modalities(keys.get("modalities", ()))
    question = MwlQuestion(
        not_before=at - timedelta(hours=min(caller.hours_back, MAX_HOURS)),
        site_id=None if caller.all_sites else caller.site_id,
        limit=caller.most_rows,
        **({"states": caller.listed_states or tuple(sorted(states.WAITING))} | keys),
    )
    if caller.hours_ahead is None:
        return question
    # A device that asks for a month is still not shown what lies beyond its profile.
    horizon = at + timedelta(hours=min(caller.hours_ahead, MAX_HOURS))
    until = min(question.start_until, horizon) if question.start_until else horizon
    return replace(question, start_until=until)
