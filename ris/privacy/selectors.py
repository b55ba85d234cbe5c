"""Questions to the audit trail, narrowed to patients of the officer's sites; who looked at one patient, by person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from ris.access.models import EmergencyAccess
from ris.access.selectors import accesses_to_judge
from ris.access.visibility import not_confidential
from ris.audit.models import AuditEvent, AuditSeal
from ris.audit.services import Actor, record
from ris.kernel.clock import now
from ris.kernel.errors import Invalid, NotFound
from ris.orders.models import Order
from ris.patients.models import Patient, Visit
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require, sites_for

MOST_ACCESSES = 20_000
"""Events of one patient that a report holds; the newest."""
READ = (".view", ".search", ".pdf", ".export", ".explain", ".priors")
"""Ends of actions that are looks; all others change something."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for: empty values do not narrow. ``since`` and ``until``: UTC, ``until`` is not in it."""

    user: str = ""
    action: str = ""
    patient_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """What one person did with one patient's data for one purpose."""

    actor: str
    name: str
    purpose: str
    acting_for: str
    first: datetime
    last: datetime
    looks: int
    changes: int
    actions: tuple[str, ...]


def patients_for(viewer: User) -> QuerySet[Patient]:
    """Patients, merged ones too, who were ever at a site where the viewer may see the trail, or at none; without
    confidential ones unless the viewer may see those."""
    sites = list(sites_for(viewer, Can.SEE_AUDIT).values_list("pk", flat=True))
    if not sites:
        return Patient.objects.none()
    visits, orders = (model.objects.filter(patient=OuterRef("pk")) for model in (Visit, Order))
    here = Q(Exists(visits.filter(site__in=sites))) | Q(Exists(orders.filter(site__in=sites)))
    nowhere = ~Q(Exists(visits)) & ~Q(Exists(orders))
    patients = Patient.objects.filter(here | nowhere)
    return not_confidential(patients, viewer, patient="pk", at=now())


def patient_for(viewer: User, patient_id: int) -> Patient:
    """One of them. Raises NotFound."""
    require(viewer, Can.SEE_AUDIT)
    patient = patients_for(viewer).filter(pk=patient_id).first()
    if patient is None:
        raise NotFound("There is no such patient.")
    return patient


def patient_by_number(viewer: User, number: str) -> Patient:
    """The only patient with this number, whichever authority issued it. Raises NotFound, also for several."""
    found = list(patients_for(viewer).filter(identifiers__value=number).distinct()[:2])
    if len(found) != 1:
        raise NotFound("No patient of your sites, or several, have this number.", at="number")
    return found[0]


def events_for(viewer: User, question: Question) -> QuerySet[AuditEvent]:
    """Events that the viewer may see, newest first: of no patient, or of :func:`patients_for`."""
    require(viewer, Can.SEE_AUDIT)
    events = AuditEvent.objects.select_related("user", "acting_for", "patient").order_by("-pk")
    if question.patient_id is not None:
        return _narrow(events.filter(patient__in=_same_person(patient_for(viewer, question.patient_id))), question)
    visible = Q(patient__isnull=True) | Q(patient__in=patients_for(viewer).values("pk"))
    return _narrow(events.filter(visible), question)


def events_about(patient: Patient) -> QuerySet[AuditEvent]:
    """All events of a patient, newest first, for the patient themself: the caller has made sure who asks."""
    events = AuditEvent.objects.select_related("user", "acting_for").order_by("-pk")
    return events.filter(patient__in=_same_person(patient))


def _narrow(events: QuerySet[AuditEvent], question: Question) -> QuerySet[AuditEvent]:
    if question.user:
        events = events.filter(actor=question.user)
    if question.action:
        events = events.filter(action__startswith=question.action)
    if question.since:
        events = events.filter(at__gte=question.since, pk__gt=_last_id_before(question.since))
    if question.until:
        events = events.filter(at__lt=question.until)
    return events


def _last_id_before(at: datetime) -> int:
    """The last event of the last seal before a moment: ids grow with time, and no index on the time is paid for."""
    sealed = AuditSeal.objects.filter(sealed_at__lt=at).order_by("-number").values_list("last_id", flat=True)
    return sealed.first() or 0


def _same_person(patient: Patient) -> list[int]:
    """The patient and all who were merged into them: who looked before a merge looked at them, too."""
    ids, new = [patient.pk], [patient.pk]
    while new:
        new = list(Patient.objects.filter(merged_into__in=new).exclude(pk__in=ids).values_list("pk", flat=True))
        ids += new
    return ids


def accesses_of(events: Iterable[AuditEvent]) -> list[Access]:
    """By person, purpose and on whose behalf; who looked last stands first."""
    groups: dict[tuple[str, str, str], list[AuditEvent]] = {}
    for event in events:
        acting_for = event.acting_for.display_name if event.acting_for else ""
        groups.setdefault((event.actor, event.purpose, acting_for), []).append(event)
    return sorted((_access(key, rows) for key, rows in groups.items()), key=lambda a: a.last, reverse=True)


def _access(key: tuple[str, str, str], rows: list[AuditEvent]) -> Access:
    looks = sum(row.action.endswith(READ) for row in rows)
    user = rows[0].user
    return Access(
        actor=key[0], name=user.display_name if user else "", purpose=key[1], acting_for=key[2],
        first=min(row.at for row in rows), last=max(row.at for row in rows), looks=looks, changes=len(rows) - looks,
        actions=tuple(sorted({row.action for row in rows})),
    )  # fmt: skip


def accesses_for(viewer: User, *, judged: bool = False) -> QuerySet[EmergencyAccess]:
    """Emergency accesses to patients whom the viewer may see, that wait for a verdict or have one."""
    require(viewer, Can.SEE_AUDIT)
    return accesses_to_judge(judged=judged).filter(patient__in=patients_for(viewer).values("pk"))


def access_for(viewer: User, access_id: int) -> EmergencyAccess:
    """One of them. Raises NotFound."""
    for judged in (False, True):
        access = accesses_for(viewer, judged=judged).filter(pk=access_id).first()
        if access is not None:
            return access
    raise NotFound("There is no such emergency access.")


def patient_to_open(viewer: User, number: str, *, actor: Actor, at: datetime) -> Patient:
    """The living patient of this number, or of the order with this accession number, at the sites where the viewer may
    break the glass; whoever is closed to them, too. Raises Invalid at ``number``; what was not found is audited."""
    number = number.strip()
    sites = list(sites_for(viewer, Can.BREAK_GLASS).values_list("pk", flat=True))
    visits, orders = (model.objects.filter(patient=OuterRef("pk"), site__in=sites) for model in (Visit, Order))
    by_order = Order.objects.filter(accession=number, site__in=sites).values("patient")
    named = Q(identifiers__value=number) | Q(pk__in=by_order)
    patients = Patient.objects.filter(Q(Exists(visits)) | Q(Exists(orders)), named, merged_into=None)
    found = list(patients.distinct()[:2]) if number else []
    if len(found) != 1:
        record(actor, "patient.break-glass-failed", viewer, at=at, found=len(found))
        raise Invalid(
            "No patient at your sites has this number, or several do: give the accession number.", at="number"
        )
    return found[0]
