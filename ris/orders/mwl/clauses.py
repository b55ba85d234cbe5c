"""A worklist question as conditions in SQL, by field of the question, and as checks for what SQL cannot decide."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, time
from functools import lru_cache
from typing import TYPE_CHECKING

from django.db import connection

from ris.patients.names import fold

from .. import states
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
from .wildcards import Wildcard

if TYPE_CHECKING:
    from .query import MwlQuestion

# field of the question -> column that a value is compared with, wildcards allowed
_TEXTS = {
    "modalities": "s.modality",
    "locations": "s.location",
    "step_numbers": "s.number",
    "procedure_numbers": "rp.number",
    "procedure_codes": "rp.code",
    "protocol_codes": "s.protocol_code",
    "descriptions": "s.description",
    "accessions": "o.accession",
    "placer_numbers": "o.placer_number",
    "filler_numbers": "o.filler_number",
    "priorities": "o.priority",
    "issuers": "pid.authority",
    "sexes": "p.sex",
    "admission_ids": "v.number",
}


def build_clauses(q: MwlQuestion) -> dict[str, Clause]:
    """What SQL can decide, by field of the question."""
    found = {
        "order": Clause("o.state = %s AND rp.state = %s", (states.ACTIVE, states.ACTIVE)),
        "states": match_any_value("s.state", q.states),
    }
    if q.not_before:
        found["not_before"] = Clause("s.start >= %s", (adapt_moment(q.not_before),))
    if q.site_id is not None:
        found["site_id"] = Clause("o.site_id = %s", (q.site_id,))
    if q.start_from:
        found["start_from"] = Clause("s.start >= %s", (adapt_moment(q.start_from),))
    if q.start_until:
        found["start_until"] = Clause("s.start <= %s", (adapt_moment(q.start_until),))
    if q.stations:
        found["stations"] = Clause.any(_ways_to_stations(q.stations))
    if q.station_names:
        found["station_names"] = Clause.any(match_json_item("s.station_names", name) for name in q.station_names)
    if q.study_uids:
        found["study_uids"] = match_any_value("rp.study_uid", q.study_uids)
    if q.birth_dates:
        found["birth_dates"] = match_any_value("p.birth_date", q.birth_dates)
    if q.patient_names:
        names = Clause.any(match_name(name) for name in q.patient_names)
        found["patient_names"] = match_subselect("o.patient_id", "SELECT p.id FROM patients_patient p", names)
    if q.patient_ids:
        numbers = Clause.any(match_text("value", value) for value in q.patient_ids)
        found["patient_ids"] = match_subselect("o.patient_id", "SELECT patient_id FROM patients_identifier", numbers)
    for name, column in _TEXTS.items():
        values = getattr(q, name)
        if values:
            found[name] = Clause.any(match_text(column, value) for value in values)
    return found


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


def narrow_clauses(found: dict[str, Clause], q: MwlQuestion) -> dict[str, Clause]:
    """The same, said so that SQLite begins where the fewest rows are, whether or not it was ever analysed.

    It does not look into an OR of two for the station's indexes, so these are named; and of an accession number and
    a start it takes either for a good beginning, so what is not to be one gets a plus, which no index serves.
    """
    if q.start_from and q.not_before:  # an index begins at one bound only: let it be the later
        found = {name: clause for name, clause in found.items() if name != _earlier_bound(q.start_from, q.not_before)}
    if connection.vendor == "postgresql":
        return found
    leads = any(values and all(map(_LITERAL.match, values)) for values in (getattr(q, name) for name in _LEADING))
    bounds = {name: found[name] for name in _BOUNDS if name in found}
    if leads or q.stations:
        back = [name for name in (*_BOUNDS, "site_id") if name in found]
        found = found | {name: Clause(f"+{found[name].sql}", found[name].params) for name in back}
    return found | {"stations": _at_stations(q.stations, join_all(bounds.values()), leads)} if q.stations else found


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
    found: dict[str, Callable[[Entry], bool]] = {}
    if q.time_from or q.time_until:
        first, last = q.time_from or time.min, q.time_until or time.max
        found["time_from"] = lambda e: first <= e.local_start.time() <= last
    for name, of in _PHYSICIANS.items():
        asked = getattr(q, name)
        if asked:
            found[name] = _name_check(of, asked)
    return found


_PHYSICIANS: dict[str, Callable[[Entry], str]] = {
    "performing_physicians": lambda e: e.performing_physician,
    "requesting_physicians": lambda e: e.ordering_provider,
    "referring_physicians": lambda e: e.referring or e.ordering_provider,
}


def _name_check(of: Callable[[Entry], str], asked: tuple[str, ...]) -> Callable[[Entry], bool]:
    """Whether a name fits one of those asked for in any of its component groups. Each name is read once."""
    patterns = [Wildcard(fold(name).rstrip("^")) for name in asked]

    @lru_cache(maxsize=4096)
    def fits(name: str) -> bool:
        groups = [fold(group).rstrip("^") for group in name.split("=")]
        return any(pattern.fits(group) for pattern in patterns for group in groups)

    return lambda e: fits(of(e))
