"""The scanner's question: which scheduled steps should I show? Answered in SQL, nothing decoded on the way.

One statement joins a step with all that a worklist entry says about it. It is written by hand
because it is asked a thousand times a second, and because a row must come back exactly as the
database has it: two rows are equal when everything in them is equal, so whoever renders a row
may keep the rendering by the row itself and can never be out of date. PostgreSQL can say which
version of each row it is without saying the row, so there the versions are asked for first.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, fields, replace
from datetime import datetime, time

from django.db import connection

from ris.kernel.prepared import era, fetch
from ris.patients.names import fold

from . import states
from .mwl_rows import Entry, Line, Row, columns, entry, sources, versions
from .mwl_sql import Clause, all_of, among, equal_any, json_has, like, like_folded_name, moment, wildcard_pattern

MOST_ROWS = 2000
"""Nobody reads a longer list on a scanner."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MwlQuestion:
    """What is asked for. An empty value asks nothing; several values of one key mean any of them.

    Texts may hold ``*`` and ``?`` where DICOM allows wildcards. Moments are aware; ``start_from`` and
    ``start_until`` are both inclusive. ``time_from``/``time_until`` are a time of day at the step's site,
    asked without a date. ``not_before``: an earlier step that nobody performed has left the list.
    """

    states: tuple[str, ...] = tuple(sorted(states.WAITING))
    not_before: datetime | None = None
    site_id: int | None = None
    stations: tuple[str, ...] = ()
    station_names: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    start_from: datetime | None = None
    start_until: datetime | None = None
    time_from: time | None = None
    time_until: time | None = None
    step_numbers: tuple[str, ...] = ()
    procedure_numbers: tuple[str, ...] = ()
    procedure_codes: tuple[str, ...] = ()
    protocol_codes: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    study_uids: tuple[str, ...] = ()
    accessions: tuple[str, ...] = ()
    placer_numbers: tuple[str, ...] = ()
    filler_numbers: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    patient_ids: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    patient_names: tuple[str, ...] = ()
    birth_dates: tuple[str, ...] = ()
    sexes: tuple[str, ...] = ()
    admission_ids: tuple[str, ...] = ()
    performing_physicians: tuple[str, ...] = ()
    requesting_physicians: tuple[str, ...] = ()
    referring_physicians: tuple[str, ...] = ()
    limit: int = MOST_ROWS


def modality_worklist(question: MwlQuestion, *, other_ids: bool = False, known: Container[Row] = ()) -> list[Line]:
    """The lines that match, earliest start first, at most ``question.limit``.

    Sees everything that was committed before the call. ``other_ids`` also fetches the patient's other identifiers,
    which costs a look-up a row. ``known``: keys of lines that the caller has; when it has all of them, none
    comes with its row. Read a row with :func:`ris.orders.mwl_rows.entry`.
    """
    vendor, checks = connection.vendor, _checks(question)
    limit = question.limit if not checks else MOST_ROWS * 10
    clauses = list(_narrowed(_clauses(question), question).values())
    where = " AND ".join(f"({clause.sql})" for clause in clauses) or "1 = 1"
    params = [param for clause in clauses for param in clause.params]
    tail = f"FROM {sources(vendor)} WHERE {where} ORDER BY s.start, s.id LIMIT {limit:d}"
    told, wanted = versions(vendor, other_ids=other_ids), columns(vendor, other_ids=other_ids)
    # A row that a transaction wrote twice has the same writer twice, which only that transaction can see.
    if checks or not told or connection.in_atomic_block:
        rows: list[Row] = fetch(f"SELECT {', '.join(wanted)} {tail}", params)
        if checks:
            rows = [row for row in rows if all(check(entry(row)) for check in checks.values())][: question.limit]
        return [Line(row, row) for row in rows]
    since = era()
    keys = [(since, *version) for version in fetch(f"SELECT {', '.join(told)} {tail}", params)]
    if all(key in known for key in keys):
        return [Line(key, None) for key in keys]
    rows = fetch(f"SELECT {', '.join([*told, *wanted])} {tail}", params)
    return [Line((since, *row[: len(told)]), row[len(told) :]) for row in rows]


def unmatched_keys(question: MwlQuestion, step_id: int) -> list[str]:
    """The fields of ``question`` that keep this step off its answer; empty when it is on the list.

    Names are those of :class:`MwlQuestion`, plus ``order`` when the order or procedure is held or cancelled.
    """
    missed = []
    for name, clause in _clauses(question).items():
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT 1 FROM {sources(connection.vendor)} WHERE s.id = %s AND ({clause.sql})",  # noqa: S608
                [step_id, *clause.params],
            )
            if cursor.fetchone() is None:
                missed.append(name)
    row = step_row(step_id)
    missed += [name for name, check in _checks(question).items() if row is not None and not check(entry(row))]
    return missed


def step_row(step_id: int) -> Row | None:
    """The worklist row of one step, whatever its state; None when there is no such step."""
    wanted = ", ".join(columns(connection.vendor, other_ids=True))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {wanted} FROM {sources(connection.vendor)} WHERE s.id = %s", [step_id])  # noqa: S608
        found: Row | None = cursor.fetchone()
    return found


def asked_keys(question: MwlQuestion) -> list[str]:
    """The names of the fields that ask something."""
    plain = replace(MwlQuestion(), limit=question.limit)
    return [f.name for f in fields(question) if getattr(question, f.name) != getattr(plain, f.name)]


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


def _clauses(q: MwlQuestion) -> dict[str, Clause]:
    """What SQL can decide, by field of the question."""
    found = {
        "order": Clause("o.state = %s AND rp.state = %s", (states.ACTIVE, states.ACTIVE)),
        "states": equal_any("s.state", q.states),
    }
    if q.not_before:
        found["not_before"] = Clause("s.start >= %s", (moment(q.not_before),))
    if q.site_id is not None:
        found["site_id"] = Clause("o.site_id = %s", (q.site_id,))
    if q.start_from:
        found["start_from"] = Clause("s.start >= %s", (moment(q.start_from),))
    if q.start_until:
        found["start_until"] = Clause("s.start <= %s", (moment(q.start_until),))
    if q.stations:
        found["stations"] = Clause.any(_ways_to_stations(q.stations))
    if q.station_names:
        found["station_names"] = Clause.any(json_has("s.station_names", name) for name in q.station_names)
    if q.study_uids:
        found["study_uids"] = equal_any("rp.study_uid", q.study_uids)
    if q.birth_dates:
        found["birth_dates"] = equal_any("p.birth_date", q.birth_dates)
    if q.patient_names:
        names = Clause.any(like_folded_name(name) for name in q.patient_names)
        found["patient_names"] = among("o.patient_id", "SELECT p.id FROM patients_patient p", names)
    if q.patient_ids:
        numbers = Clause.any(like("value", value) for value in q.patient_ids)
        found["patient_ids"] = among("o.patient_id", "SELECT patient_id FROM patients_identifier", numbers)
    for name, column in _TEXTS.items():
        values = getattr(q, name)
        if values:
            found[name] = Clause.any(like(column, value) for value in values)
    return found


def _ways_to_stations(titles: tuple[str, ...]) -> list[Clause]:
    """At a device of that AE title; or naming the title although no (single) device here has it.

    Nearly every step has one device and no other title, so it is found by the device's index; the
    others are marked ``stray`` by the database and have an index of their own.
    """
    devices = Clause.any(like("ae_title", title) for title in titles)
    named = Clause.any(json_has("s.station_aes", title) for title in titles)
    here = among("s.device_id", "SELECT id FROM catalog_device", devices)
    return [here, all_of([Clause("s.stray"), named])]


_NARROWING = ("states", "not_before", "start_from", "start_until")


def _narrowed(found: dict[str, Clause], q: MwlQuestion) -> dict[str, Clause]:
    """The same, said so that SQLite uses the station's indexes: it does not look into an OR of two for
    them, and its statistics, knowing next to no stray, would have it skip through every device instead."""
    if q.start_from and q.not_before:  # an index begins at one bound only: let it be the later
        found = {name: clause for name, clause in found.items() if name != _earlier_bound(q.start_from, q.not_before)}
    if not q.stations or connection.vendor == "postgresql":
        return found
    bounds = all_of(found[name] for name in _NARROWING if name in found)
    ways = [all_of([way, bounds]) for way in _ways_to_stations(q.stations)]
    ids = " UNION ALL ".join(
        f"SELECT s.id FROM orders_scheduledstep s INDEXED BY {index} WHERE {way.sql}"  # noqa: S608
        for index, way in zip(("step_device_start", "step_stray_start"), ways, strict=True)
    )
    return found | {"stations": Clause(f"s.id IN ({ids})", tuple(p for way in ways for p in way.params))}


def _earlier_bound(start_from: datetime, not_before: datetime) -> str:
    return "not_before" if not_before <= start_from else "start_from"


def _checks(q: MwlQuestion) -> dict[str, Callable[[Entry], bool]]:
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
    patterns = [wildcard_pattern(fold(name).rstrip("^")) for name in asked]

    def check(e: Entry) -> bool:
        groups = [fold(group).rstrip("^") for group in of(e).split("=")]
        return any(pattern.fullmatch(group) for pattern in patterns for group in groups)

    return check
