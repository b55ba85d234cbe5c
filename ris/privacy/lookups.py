"""Look-ups of one's own record and of co-workers': nobody is held up by them, a privacy officer sees them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from ris.access.models import StaffRecord
from ris.audit.models import AuditEvent
from ris.patients.matching import fold
from ris.patients.models import Patient
from ris.people.models import User

from .selectors import Question, events_for, patients_for

MOST_EVENTS = 20_000
"""Of a day that are looked through."""


OFFICERS_WORK = ("audit.", "break-glass.")
"""Beginnings of actions by which officers look after the audit itself."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """What one person had to do with their own record, or with a co-worker's (``whose``)."""

    user: User
    patient: Patient
    whose: User
    first: datetime
    last: datetime
    events: int
    actions: tuple[str, ...]

    @property
    def is_own(self) -> bool:
        """Whether it is their own record."""
        return self.user.pk == self.whose.pk


def staff_lookups(viewer: User, *, since: datetime, until: datetime) -> list[Lookup]:
    """Those between two moments (UTC), one's own records first, of patients of the viewer's sites. Raises Forbidden."""
    owners = _owners(viewer)
    events = events_for(viewer, Question(since=since, until=until)).filter(patient__in=owners, user__isnull=False)
    for work in OFFICERS_WORK:
        events = events.exclude(action__startswith=work)
    groups: dict[tuple[int, int], list[AuditEvent]] = {}
    for event in events[:MOST_EVENTS]:
        groups.setdefault((event.user_id or 0, event.patient_id or 0), []).append(event)
    found = [_lookup(rows, owners[patient]) for (_, patient), rows in groups.items()]
    return sorted(found, key=lambda row: (not row.is_own, row.user.username, row.first))


def _owners(viewer: User) -> dict[int, User]:
    """Patient → who of the house they are: linked by hand, else by family name and birth date."""
    records = list(StaffRecord.objects.select_related("user"))
    linked = {row.patient_id: row.user for row in records if row.patient_id}
    born = {row.birth_date for row in records if row.birth_date}
    alike = patients_for(viewer).filter(birth_date__in=born) if born else ()
    return dict(_named_alike(records, alike)) | linked


def _named_alike(records: list[StaffRecord], patients: Iterable[Patient]) -> Iterable[tuple[int, User]]:
    by_traits: dict[tuple[str, date | None], User] = {}
    by_traits |= {(fold(row.user.last_name), row.birth_date): row.user for row in records if row.birth_date}
    for patient in patients:
        key = (fold(patient.family_name), patient.birth_date)
        if key in by_traits:
            yield patient.pk, by_traits[key]


def _lookup(rows: list[AuditEvent], whose: User) -> Lookup:
    user, patient = rows[0].user, rows[0].patient
    assert user is not None and patient is not None
    return Lookup(
        user=user, patient=patient, whose=whose, first=min(row.at for row in rows), last=max(row.at for row in rows),
        events=len(rows), actions=tuple(sorted({row.action for row in rows})),
    )  # fmt: skip
