"""Questions of the portal: whose results an account sees at a moment, and which."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from reporting.models import Report
from reporting.release.selectors import reports_open_to_patients, years_of
from ris.kernel.errors import NotFound
from ris.patients.models import Patient
from ris.patients.selectors import survivor, visible_patients
from ris.people.models import User

from ..models import PortalAccount, PortalGrant, PortalInvitation, limits_of
from .models import PARENT


def is_in_force(grant: PortalGrant, *, at: datetime) -> bool:
    """Whether a grant counts at a moment: a parent's ends with the child's birthday, by itself."""
    today = at.astimezone(ZoneInfo(grant.site.time_zone)).date()
    if grant.revoked_at is not None or not grant.account.active or (grant.ends_on and grant.ends_on < today):
        return False
    if grant.kind != PARENT:
        return True
    age = years_of(survivor(grant.patient).birth_date, today)
    return age is not None and age < limits_of(grant.site).proxy_age


def living_record(grant: PortalGrant) -> Patient | None:
    """The record whose results are shown. After a merge the one that remains, unless it is of another birth date."""
    remaining = survivor(grant.patient)
    return remaining if remaining.birth_date == grant.patient.birth_date else None


def grants_in_force(account: PortalAccount, *, at: datetime) -> list[tuple[PortalGrant, Patient]]:
    """Whose results the account sees at this moment, with the record that counts; one's own first."""
    rows = account.grants.filter(revoked_at=None).select_related("site", "account", "patient").order_by("pk")
    found = [(grant, living_record(grant)) for grant in rows if is_in_force(grant, at=at)]
    return sorted(((g, p) for g, p in found if p is not None), key=lambda row: row[0].kind != "self")


def portal_reports(account: PortalAccount, *, at: datetime) -> QuerySet[Report]:
    """Released reports of all patients whose results the account sees now, newest first."""
    patients = [patient.pk for _, patient in grants_in_force(account, at=at)]
    return reports_open_to_patients(patients).order_by("-item__finished_at", "-pk")


def portal_report(account: PortalAccount, report_id: int, *, at: datetime) -> Report:
    """One of them. Raises NotFound."""
    report = portal_reports(account, at=at).filter(pk=report_id).first()
    if report is None:
        raise NotFound("There is no such report.")
    return report


def grant_of(account: PortalAccount, patient_id: int, *, at: datetime) -> tuple[PortalGrant, Patient]:
    """By which right the account sees a patient's results. Raises NotFound."""
    for grant, patient in grants_in_force(account, at=at):
        if patient.pk == patient_id:
            return grant, patient
    raise NotFound("There is no such patient.")


def grants_about(patient: Patient, *, at: datetime) -> list[PortalGrant]:
    """All grants that count now on a patient's results, and on records that were merged into theirs."""
    rows = PortalGrant.objects.filter(revoked_at=None).select_related("account", "site", "patient")
    return [g for g in rows.filter(patient__in=_records(patient)).order_by("pk") if is_in_force(g, at=at)]


def _records(patient: Patient) -> list[int]:
    found, new = [patient.pk], [patient.pk]
    while new:
        new = list(Patient.objects.filter(merged_into__in=new).exclude(pk__in=found).values_list("pk", flat=True))
        found += new
    return found


def invitable_patient(viewer: User, patient_id: int) -> Patient:
    """A patient of the viewer's sites. Raises NotFound."""
    patient = visible_patients(viewer).filter(pk=patient_id).first()
    if patient is None:
        raise NotFound("There is no such patient.")
    return patient


def open_invitations(patient: Patient, *, at: datetime) -> QuerySet[PortalInvitation]:
    """Codes that were given and still make an account."""
    rows: QuerySet[Any] = patient.portal_invitations.filter(used_at=None, revoked_at=None, expires_at__gt=at)
    return rows.filter(wrong__lt=PortalInvitation.MOST_WRONG).select_related("made_by", "site")
