"""When a resource last changed (``meta.lastUpdated``), and the search for what changed since.

Rows of orders have no column for it: the events about them have. The last event written on the stream of a row
(``ris.kernel.events``) is the moment at which it changed; drafts, which nobody is told of, write none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db.models import BigIntegerField, Max, Q, QuerySet
from django.db.models.functions import Cast, Substr

from ris.kernel.models import Record

from .dates import PREFIXES, date_condition, read_interval
from .parameters import SearchParameter, Term

SLACK = timedelta(minutes=10)
"""A transaction may take so long: its events have earlier moments than ids."""


class Changes(Protocol):
    """How a resource type knows when its rows changed."""

    def times(self, rows: Iterable[Any]) -> dict[int, datetime]:
        """Primary key → when the row changed last (UTC); rows of which nothing is known are left out."""

    def parameter(self) -> SearchParameter:
        """The search parameter ``_lastUpdated``."""


@dataclass(frozen=True, slots=True)
class ColumnChanges:
    """The moment stands in a column, for rows that do not change after it."""

    column: str

    def times(self, rows: Iterable[Any]) -> dict[int, datetime]:
        """As :class:`Changes` says."""
        moments = ((row.pk, value_of(row, self.column)) for row in rows)
        return {pk: moment for pk, moment in moments if moment is not None}

    def parameter(self) -> SearchParameter:
        """As :class:`Changes` says."""
        return _parameter(lambda term: date_condition(self.column, term.text, at=term.at))


@dataclass(frozen=True, slots=True)
class AccessionChanges:
    """The stream is the accession number in a column: rows of orders, exams, cases and reports."""

    column: str

    def times(self, rows: Iterable[Any]) -> dict[int, datetime]:
        """As :class:`Changes` says."""
        streams = {row.pk: value_of(row, self.column) for row in rows}
        last = _last(set(streams.values()))
        return {pk: last[stream] for pk, stream in streams.items() if stream in last}

    def parameter(self) -> SearchParameter:
        """As :class:`Changes` says."""
        return _parameter(
            lambda term: _changed(term, lambda records: Q(**{f"{self.column}__in": records.values("stream")}))
        )


@dataclass(frozen=True, slots=True)
class PatientChanges:
    """Patients: the events of ``patient:ID``, and the newest message about them."""

    def times(self, rows: Iterable[Any]) -> dict[int, datetime]:
        """As :class:`Changes` says."""
        rows = list(rows)
        last = _last({f"patient:{row.pk}" for row in rows})
        found = {row.pk: (last.get(f"patient:{row.pk}"), row.demographics_at) for row in rows}
        return {pk: max(filter(None, both)) for pk, both in found.items() if any(both)}

    def parameter(self) -> SearchParameter:
        """As :class:`Changes` says."""

        def clause(term: Term) -> Q:
            prefix, interval = _read(term)
            since = interval[1] if prefix in ("gt", "sa", "le") else interval[0]
            later = _ids(_since(since)) | Q(demographics_at__gte=since)
            if prefix in ("eq", "ne"):
                within = later & ~(_ids(_since(interval[1])) | Q(demographics_at__gte=interval[1]))
                return within if prefix == "eq" else ~within
            return later if prefix in ("ge", "gt", "sa") else ~later

        return _parameter(clause)


def _ids(records: QuerySet[Record]) -> Q:
    """Patients of the streams of these events."""
    named = records.filter(stream__startswith="patient:")
    return Q(pk__in=named.annotate(patient=Cast(Substr("stream", 9), BigIntegerField())).values("patient"))


def _parameter(clause: Any) -> SearchParameter:
    return SearchParameter(name="_lastUpdated", type="date", clause=clause)


def _read(term: Term) -> tuple[str, tuple[datetime, datetime]]:
    prefix, rest = (term.text[:2], term.text[2:]) if term.text[:2] in PREFIXES else ("eq", term.text)
    return prefix, read_interval(rest, at=term.at)


def _changed(term: Term, rows_of: Any) -> Q:
    prefix, (first, end) = _read(term)
    within: Q = rows_of(_since(first)) & ~rows_of(_since(end))
    answers: dict[str, Any] = {
        "eq": lambda: within,
        "ne": lambda: ~within,
        "ge": lambda: rows_of(_since(first)),
        "gt": lambda: rows_of(_since(end)),
        "lt": lambda: ~rows_of(_since(first)),
        "le": lambda: ~rows_of(_since(end)),
    }
    answers |= {"sa": answers["gt"], "eb": answers["lt"]}
    condition: Q = answers[prefix]()
    return condition


def _since(moment: datetime) -> QuerySet[Record]:
    """The events written at the moment or later; their moments have no index, but ids grow with them."""
    low, high = 0, Record.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    while low < high:
        middle = (low + high) // 2
        row = Record.objects.filter(pk__gt=middle).order_by("pk").values_list("pk", "written_at").first()
        if row is None or row[1] >= moment - SLACK:
            high = middle
        else:
            low = row[0]
    return Record.objects.filter(pk__gt=low, written_at__gte=moment)


def _last(streams: set[str]) -> dict[str, datetime]:
    rows = Record.objects.filter(stream__in=streams).values("stream").annotate(last=Max("written_at"))
    return {row["stream"]: row["last"] for row in rows}


def value_of(row: Any, column: str) -> Any:
    """The value at a path of Django, such as ``order__accession``; None where the path ends early."""
    for name in column.split("__"):
        row = getattr(row, name, None)
    return row
