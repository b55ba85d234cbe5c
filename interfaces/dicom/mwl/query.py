"""A worklist query is answered: who asks decides what they may see, the domain says which steps, we encode them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ris.kernel.errors import Invalid
from ris.orders import states
from ris.orders.mwl.query import MwlQuestion, find_worklist_rows
from ris.orders.mwl.rows import Listed, Row, parse_row

from ..upper_layer.admission import Caller
from .encoding import EncodedEntry, encode_entry
from .identifier import ReturnKeys, WorklistQuery, parse_identifier

SUCCESS, PENDING, PENDING_WARNING, CANCEL = 0x0000, 0xFF00, 0xFF01, 0xFE00
OUT_OF_RESOURCES, NO_WORKLIST_QUERY, UNABLE = 0xA700, 0xA900, 0xC001

MAX_CACHED_ENCODINGS = 20_000


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
    """All that decides, beside the row itself, how an entry is encoded."""

    shape: ReturnKeys
    implicit: bool
    preferred: tuple[str, ...]
    cut: bool


class _EncodingCache:
    """Encodings kept by what they were made from: the row as the database has it, or its version. Never out of date.

    Threads may make the same one twice; that costs time and nothing else.
    """

    def __init__(self, most: int) -> None:
        self._by: dict[EncodingOptions, dict[Row, EncodedEntry]] = {}
        self._most, self._count = most, 0

    def of(self, how: EncodingOptions) -> dict[Row, EncodedEntry]:
        if self._count > self._most or len(self._by) > 500:
            self._by, self._count = {}, 0
        return self._by.setdefault(how, {})

    def make(self, line: Listed, how: EncodingOptions, into: dict[Row, EncodedEntry]) -> EncodedEntry:
        assert line.row is not None
        written = encode_entry(
            parse_row(line.row), how.shape, implicit=how.implicit, preferred=how.preferred, cut=how.cut
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
    """Answer one C-FIND: pending ones, then exactly one final. Sees all that was committed before the call."""
    try:
        asked = parse_identifier(identifier, implicit)
    except Invalid as error:
        outcome.status = NO_WORKLIST_QUERY
        yield FindResponse(NO_WORKLIST_QUERY, comment=error.detail)
        return
    outcome.keys = asked.keys()
    outcome.notes.update(asked.habits, (f"not matched {tag}" for tag in asked.unsupported))
    shape = _permitted(asked.shape, caller)
    how = EncodingOptions(shape, implicit, caller.character_set, caller.cut_long_values)
    kept = _cache.of(how)
    status = PENDING_WARNING if asked.unsupported else PENDING
    question, other_ids = build_question(asked, caller, at), not _OTHER_IDS.isdisjoint(shape.root)
    for line in find_worklist_rows(question, other_ids=other_ids, known=kept):
        if cancelled():
            outcome.status = CANCEL
            yield FindResponse(CANCEL)
            return
        written = kept.get(line.key) or _cache.make(line, how, kept)
        if written.cut or written.other_charset:
            outcome.notes.update((f"cut {tag}" for tag in written.cut), ["other character set"] * written.other_charset)
        outcome.rows += 1
        yield FindResponse(status, written.identifier)
    yield FindResponse(SUCCESS)


_OTHER_IDS = frozenset([0x00101000, 0x00101002])


def _permitted(shape: ReturnKeys, caller: Caller) -> ReturnKeys:
    if not caller.left_out:
        return shape
    item = None if shape.item is None else tuple(tag for tag in shape.item if tag not in caller.left_out)
    return ReturnKeys(tuple(tag for tag in shape.root if tag not in caller.left_out), item, shape.character_set)


def build_question(asked: WorklistQuery, caller: Caller, at: datetime) -> MwlQuestion:
    """What was asked, within what this caller may see."""
    wanted: dict[str, Any] = {**asked.texts, **asked.moments(ZoneInfo(caller.time_zone))}
    if caller.own_ae_only and caller.ae_title:
        wanted["stations"] = (caller.ae_title,)
    wanted["modalities"] = caller.modalities(wanted.get("modalities", ()))
    question = MwlQuestion(
        not_before=at - timedelta(hours=caller.hours_back),
        site_id=None if caller.all_sites else caller.site_id,
        limit=caller.most_rows,
        **({"states": caller.listed_states or tuple(sorted(states.WAITING))} | wanted),
    )
    if caller.hours_ahead is None:
        return question
    horizon = at + timedelta(hours=caller.hours_ahead)
    until = min(question.start_until, horizon) if question.start_until else horizon
    return replace(question, start_until=until)
