"""Finds the scheduled steps of a worklist question in SQL.

One statement joins a step with all that a worklist entry holds. It is written by hand because it runs a thousand
times a second, and because rows must come back exactly as the database has them: equal rows have equal content, so
an encoding may be cached by the row and is never stale. PostgreSQL knows the version of a row without reading it,
so there the versions are fetched first.
"""

from __future__ import annotations

from collections.abc import Container

from django.db import connection

from ris.kernel.db.prepared import era, fetch

from .clauses import build_checks, build_clauses, narrow_clauses
from .question import MAX_ROWS, MwlQuestion
from .rows import Entry, Listed, Row, parse_row

_FIELDS: dict[str, str] = {
    "step_id": "s.id",
    "step_number": "s.number",
    "modality": "s.modality",
    "station_aes": "s.station_aes",
    "station_names": "s.station_names",
    "location": "s.location",
    "start": "s.start",
    "minutes": "s.minutes",
    "step_description": "s.description",
    "protocol_code": "s.protocol_code",
    "protocol_system": "s.protocol_system",
    "protocol_text": "s.protocol_text",
    "protocol_codes": "s.protocol_codes",
    "performing_physician": "s.performing_physician",
    "state": "s.state",
    "procedure_id": "rp.id",
    "procedure_number": "rp.number",
    "study_uid": "rp.study_uid",
    "code": "rp.code",
    "code_text": "rp.code_text",
    "coding_system": "rp.coding_system",
    "order_id": "o.id",
    "accession": "o.accession",
    "placer_number": "o.placer_number",
    "filler_number": "o.filler_number",
    "priority": "o.priority",
    "ordering_provider": "o.ordering_provider",
    "reason": "o.reason",
    "clinical_info": "o.clinical_info",
    "comments": "o.comments",
    "reason_codes": "o.reason_codes",
    "diagnoses": "o.diagnoses",
    "copies_to": "o.copies_to",
    "call_back_phone": "o.call_back_phone",
    "weight_kg": "o.weight_kg",
    "height_m": "o.height_m",
    "transport": "o.transport",
    "patient_state": "o.patient_state",
    "patient_id": "p.id",
    "family_name": "p.family_name",
    "given_name": "p.given_name",
    "middle_name": "p.middle_name",
    "prefix": "p.prefix",
    "suffix": "p.suffix",
    "ideographic_name": "p.ideographic_name",
    "phonetic_name": "p.phonetic_name",
    "alias": "CASE WHEN p.confidential AND site.alias_confidential THEN p.alias END",
    "birth_date": "p.birth_date",
    "sex": "p.sex",
    "address": "p.address",
    "phone": "p.phone",
    "allergies": "p.allergies",
    "alerts": "p.alerts",
    "identifier": "pid.value",
    "issuer": "pid.authority",
    "visit_number": "v.number",
    # What PV1 said, of the visit; of the order itself where PV1 had no visit number.
    "patient_class": "COALESCE(NULLIF(v.patient_class, ''), o.patient_class)",
    "visit_location": "COALESCE(NULLIF(v.location, ''), o.patient_location)",
    "referring": "COALESCE(NULLIF(v.referring, ''), o.referring_provider)",
    "pregnant": "(v.pregnant OR o.pregnant)",
    "institution": "site.name",
    "time_zone": "site.time_zone",
}
"""Column of each field of :class:`Entry`, but for the identifiers."""
_COLUMNS = [_FIELDS[name] for name in Entry._fields if name in _FIELDS]  # a row becomes an Entry by position

# A subselect, not a join: a join would give a line for each identifier. Left out unless a device asks for it.
_OTHER_IDS = {
    "sqlite": "(SELECT json_group_array(json_array(i.value, i.authority, i.kind))"
    " FROM patients_identifier i WHERE i.patient_id = p.id)",
    "postgresql": "(SELECT jsonb_agg(jsonb_build_array(i.value, i.authority, i.kind) ORDER BY i.id)::text"
    " FROM patients_identifier i WHERE i.patient_id = p.id)",
}

_JOINS = (
    "orders_scheduledstep s"
    " JOIN orders_requestedprocedure rp ON rp.id = s.procedure_id"
    " JOIN orders_order o ON o.id = rp.order_id"
    " JOIN patients_patient p ON p.id = o.patient_id"
    " JOIN catalog_site site ON site.id = o.site_id"
    " LEFT JOIN patients_visit v ON v.id = o.visit_id"
)
# Of several identifiers: one that was not given up in a merge, issued by the site, a medical record number,
# the oldest. Both ways leave the planner no choice but to look the few rows up one by one; SQLite sorts
# nothing where the first of the questions is answered.
_OF_PATIENT = "SELECT i.id FROM patients_identifier i WHERE i.patient_id = p.id"
_OWN = "AND NOT i.retired AND i.authority = site.assigning_authority"
_FROM = {
    "sqlite": _JOINS + " LEFT JOIN patients_identifier pid ON pid.id = COALESCE("
    f"({_OF_PATIENT} {_OWN} AND i.kind = 'MR' LIMIT 1), ({_OF_PATIENT} {_OWN} LIMIT 1),"
    f" ({_OF_PATIENT} AND NOT i.retired AND i.kind = 'MR' LIMIT 1), ({_OF_PATIENT} ORDER BY i.retired, i.id LIMIT 1))",
    "postgresql": f"{_JOINS} LEFT JOIN LATERAL"  # noqa: S608  (constants only)
    " (SELECT i.id, i.xmin AS version, i.value, i.authority FROM patients_identifier i WHERE i.patient_id = p.id"
    " ORDER BY i.retired, i.authority <> site.assigning_authority, i.kind <> 'MR', i.id LIMIT 1) pid ON TRUE",
}
"""What to select from, and under which short names, by vendor of the database."""

_VERSIONS = {
    # Which row, and which transaction wrote it as it is: of a row that is visible there is one version, whose writer's
    # number stays with it. The number of the next row follows from the version of the one that refers to it.
    "postgresql": ["s.id", "s.xmin", "rp.xmin", "o.xmin", "p.xmin", "site.xmin", "v.xmin", "pid.id", "pid.version"],
}


def _row_columns(vendor: str, *, other_ids: bool) -> list[str]:
    """What to select, in the order of :class:`Entry`."""
    return [*_COLUMNS, _OTHER_IDS[vendor] if other_ids else "NULL"]


def _version_columns(vendor: str, *, other_ids: bool) -> list[str]:
    """What to select to tell a row from all its earlier and later selves; empty: the row itself is all there is.

    To be compared within one era of the database only (:func:`ris.kernel.db.prepared.era`).
    """
    columns = _VERSIONS.get(vendor, [])
    return [*columns, _OTHER_IDS[vendor]] if columns and other_ids else columns


def find_worklist_rows(question: MwlQuestion, *, other_ids: bool = False, known: Container[Row] = ()) -> list[Listed]:
    """The lines that match, earliest start first, at most ``question.limit``.

    Sees everything that was committed before the call. ``other_ids`` also fetches the patient's other identifiers,
    which costs a look-up a row. ``known``: keys of lines that the caller has; when it has all of them, none
    comes with its row. Read a row with :func:`ris.orders.mwl.rows.parse_row`.
    """
    vendor, checks = connection.vendor, build_checks(question)
    # Checks in Python drop rows after the LIMIT: fetch more than is wanted, yet not the whole table.
    limit = question.limit if not checks else MAX_ROWS * 10
    clauses = list(narrow_clauses(build_clauses(question), question).values())
    where = " AND ".join(f"({clause.sql})" for clause in clauses) or "1 = 1"
    params = [param for clause in clauses for param in clause.params]
    tail = f"FROM {_FROM[vendor]} WHERE {where} ORDER BY s.start, s.id LIMIT {limit:d}"
    versions, columns = _version_columns(vendor, other_ids=other_ids), _row_columns(vendor, other_ids=other_ids)
    # A row that a transaction wrote twice has the same writer twice, which only that transaction can see.
    if checks or not versions or connection.in_atomic_block:
        rows: list[Row] = fetch(f"SELECT {', '.join(columns)} {tail}", params)
        if checks:
            rows = [row for row in rows if all(check(parse_row(row)) for check in checks.values())][: question.limit]
        return [Listed(row, row) for row in rows]
    since = era()
    keys = [(since, *version) for version in fetch(f"SELECT {', '.join(versions)} {tail}", params)]
    if all(key in known for key in keys):
        return [Listed(key, None) for key in keys]
    rows = fetch(f"SELECT {', '.join([*versions, *columns])} {tail}", params)
    return [Listed((since, *row[: len(versions)]), row[len(versions) :]) for row in rows]


def find_unmatched_keys(question: MwlQuestion, step_id: int) -> list[str]:
    """The fields of ``question`` that keep this step off its answer; empty when it is on the list.

    Names are those of :class:`MwlQuestion`, plus ``order`` when the order or procedure is held or cancelled.
    """
    missed = []
    for name, clause in build_clauses(question).items():
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT 1 FROM {_FROM[connection.vendor]} WHERE s.id = %s AND ({clause.sql})",  # noqa: S608
                [step_id, *clause.params],
            )
            if cursor.fetchone() is None:
                missed.append(name)
    row = fetch_step_row(step_id)
    missed += [name for name, check in build_checks(question).items() if row is not None and not check(parse_row(row))]
    return missed


def fetch_step_row(step_id: int) -> Row | None:
    """The worklist row of one step, whatever its state; None when there is no such step."""
    columns = ", ".join(_row_columns(connection.vendor, other_ids=True))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {_FROM[connection.vendor]} WHERE s.id = %s", [step_id])  # noqa: S608
        row: Row | None = cursor.fetchone()
    return row
