"""Conditions of a worklist question: in SQL, by field of the question, and in Python for what SQL cannot decide."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, time
from functools import lru_cache

from django.db import connection

from ris.patients.matching import fold

from .. import states
from .question import MwlQuestion
from .rows import Entry
from .sql import (
    Clause,
    adapt_moment,
    join_all,
    match_any_value,
    match_json_item,
    match_name,
    match_subselect,
    match_text,
)

# field of the question -> column that a value is compared with, wildcards allowed
_TEXTS = {
    "modalities": "s.modality",
    "locations": "s.location",
    "step_numbers": "s.number",
    "procedure_numbers": "rp.number",
    "procedure_codes": "rp.code",
    "accessions": "o.accession",
    "placer_numbers": "o.placer_number",
    "filler_numbers": "o.filler_number",
    "priorities": "o.priority",
    # Of the number that the answer shows, not of any other number of the patient.
    "issuers": "pid.authority",
    "sexes": "p.sex",
    "admission_ids": "v.number",
}


def build_clauses(q: MwlQuestion) -> dict[str, Clause]:
    """What SQL can decide, by field of the question."""
    clauses = {
        "order": Clause("o.state = %s AND rp.state = %s", (states.ACTIVE, states.ACTIVE)),
        "states": match_any_value("s.state", q.states),
    }
    if q.not_before:
        clauses["not_before"] = Clause("s.start >= %s", (adapt_moment(q.not_before),))
    if q.site_id is not None:
        clauses["site_id"] = Clause("o.site_id = %s", (q.site_id,))
    if q.start_from:
        clauses["start_from"] = Clause("s.start >= %s", (adapt_moment(q.start_from),))
    if q.start_until:
        clauses["start_until"] = Clause("s.start <= %s", (adapt_moment(q.start_until),))
    if q.stations:
        clauses["stations"] = Clause.any(_ways_to_stations(q.stations))
    if q.station_names:
        clauses["station_names"] = Clause.any(match_json_item("s.station_names", name) for name in q.station_names)
    if q.study_uids:
        clauses["study_uids"] = match_any_value("rp.study_uid", q.study_uids)
    if q.birth_dates:
        clauses["birth_dates"] = match_any_value("p.birth_date", q.birth_dates)
    if q.patient_names:
        clauses["patient_names"] = _of_names(q.patient_names)
    if q.patient_ids:
        numbers = Clause.any(match_text("value", value) for value in q.patient_ids)
        clauses["patient_ids"] = match_subselect("o.patient_id", "SELECT patient_id FROM patients_identifier", numbers)
    if q.protocol_codes:
        codes = [match_json_item("s.protocol_codes", code, at=0) for code in q.protocol_codes]
        clauses["protocol_codes"] = Clause.any([*(match_text("s.protocol_code", c) for c in q.protocol_codes), *codes])
    if q.descriptions:  # either may be what the step is called (``Entry.step_text``)
        columns = ("s.description", "s.protocol_text")
        clauses["descriptions"] = Clause.any(match_text(c, value) for value in q.descriptions for c in columns)
    for name, column in _TEXTS.items():
        values = getattr(q, name)
        if values:
            clauses[name] = Clause.any(match_text(column, value) for value in values)
    return clauses


def _of_names(asked: tuple[str, ...]) -> Clause:
    """By the name that the answer shows: of a confidential patient that is the alias, where the site says so."""
    names = Clause.any(match_name(name) for name in asked)
    alias = Clause.any(match_text("p.alias", name.partition("=")[0].rstrip("^ ").upper()) for name in asked)
    either = Clause.any([names, join_all([Clause("p.confidential"), alias])])
    found = match_subselect("o.patient_id", "SELECT p.id FROM patients_patient p", either)
    shown = Clause.any([Clause("NOT p.confidential"), Clause("NOT site.alias_confidential"), alias])
    return join_all([found, Clause(f"({shown.sql})", shown.params)])


def _ways_to_stations(titles: tuple[str, ...]) -> list[Clause]:
    """At a device of that AE title; or naming the title although no (single) device here has it.

    Nearly every step has one device and no other title, so it is found by the device's index; the
    others are marked ``stray`` by the database and have an index of their own.
    """
    devices = Clause.any(match_text("ae_title", title) for title in titles)
    named = Clause.any(match_json_item("s.station_aes", title) for title in titles)
    here = match_subselect("s.device_id", "SELECT id FROM catalog_device", devices)
    return [here, join_all([Clause("s.stray"), named])]


_BOUNDS = ("states", "not_before", "start_from", "start_until")
_LEADING = ("accessions", "study_uids", "patient_ids", "patient_names")
"""Keys with an index that leads to few rows."""
_LITERAL = re.compile(r"[^*?]{3}|[^*?]+$")
"""How such a value begins, to be worth following: three letters, or it is a short one without wildcards."""


def narrow_clauses(clauses: dict[str, Clause], q: MwlQuestion) -> dict[str, Clause]:
    """The same, said so that SQLite begins where the fewest rows are, whether or not it was ever analysed.

    It does not look into an OR of two for the station's indexes, so these are named; and of an accession number and
    a start it takes either for a good beginning, so what is not to be one gets a plus, which no index serves.
    """
    if q.start_from and q.not_before:  # an index begins at one bound only: let it be the later
        clauses = {
            name: clause for name, clause in clauses.items() if name != _earlier_bound(q.start_from, q.not_before)
        }
    if connection.vendor == "postgresql":
        return clauses
    leads = any(values and all(map(_LITERAL.match, values)) for values in (getattr(q, name) for name in _LEADING))
    bounds = {name: clauses[name] for name in _BOUNDS if name in clauses}
    if leads or q.stations:
        back = [name for name in (*_BOUNDS, "site_id") if name in clauses]
        clauses = clauses | {name: Clause(f"+{clauses[name].sql}", clauses[name].params) for name in back}
    return clauses | {"stations": _at_stations(q.stations, join_all(bounds.values()), leads)} if q.stations else clauses


def _at_stations(titles: tuple[str, ...], bounds: Clause, leads: bool) -> Clause:
    ways = [join_all([way, bounds]) for way in _ways_to_stations(titles)]
    ids = " UNION ALL ".join(
        f"SELECT s.id FROM orders_scheduledstep s INDEXED BY {index} WHERE {way.sql}"  # noqa: S608
        for index, way in zip(("step_device_start", "step_stray_start"), ways, strict=True)
    )
    return Clause(f"{'+' if leads else ''}s.id IN ({ids})", tuple(p for way in ways for p in way.params))


def _earlier_bound(start_from: datetime, not_before: datetime) -> str:
    return "not_before" if not_before <= start_from else "start_from"


def build_checks(q: MwlQuestion) -> dict[str, Callable[[Entry], bool]]:
    """What SQL cannot decide alike on both databases, by field of the question. Rarely asked."""
    checks: dict[str, Callable[[Entry], bool]] = {}
    if q.time_from or q.time_until:
        first, last = q.time_from or time.min, q.time_until or time.max
        checks["time_from"] = lambda e: first <= e.local_start.time() <= last
    for name, of in _PHYSICIANS.items():
        asked = getattr(q, name)
        if asked:
            checks[name] = _name_check(of, asked)
    return checks


_PHYSICIANS: dict[str, Callable[[Entry], str]] = {
    "performing_physicians": lambda e: e.performing_physician,
    "requesting_physicians": lambda e: e.ordering_provider,
    "referring_physicians": lambda e: e.referring or e.ordering_provider,
}


def _name_check(of: Callable[[Entry], str], asked: tuple[str, ...]) -> Callable[[Entry], bool]:
    """Whether a name fits one of those asked for in any of its component groups. Each name is read once."""
    patterns = [Wildcard(fold(name).rstrip("^")) for name in asked]

    # A list names the same few physicians in each of its lines.
    @lru_cache(maxsize=4096)
    def fits(name: str) -> bool:
        groups = [fold(group).rstrip("^") for group in name.split("=")]
        return any(pattern.fits(group) for pattern in patterns for group in groups)

    return lambda e: fits(of(e))


class Wildcard:
    """A compiled pattern of DICOM wildcard matching (PS3.4 C.2.2.2.4): ``*`` any run of characters, ``?`` any one.

    Case counts. Patterns come from outside, so none may cost more than another: each character of a text is read
    once, and nothing is tried again.

    All the places in the pattern that a text may have come to so far are the bits of one number. A character of the
    text moves each of them one place on, where it fits there, and leaves those that stand at a ``*`` where they are.
    """

    __slots__ = ("_at", "_everywhere", "_last", "_staying")

    def __init__(self, pattern: str) -> None:
        self._at: dict[str, int] = {}
        self._everywhere = self._staying = 0
        place = 1
        for character in pattern:
            if character == "*":
                self._staying |= place
                continue
            if character == "?":
                self._everywhere |= place
            else:
                self._at[character] = self._at.get(character, 0) | place
            place <<= 1
        self._last = place

    def fits(self, text: Iterable[str]) -> bool:
        """Whether the whole text, character by character, fits. Reads each character at most once."""
        places = 1
        for character in text:
            moving = places & (self._at.get(character, 0) | self._everywhere)
            places = moving << 1 | places & self._staying
            if not places:
                return False
        return bool(places & self._last)
