"""Questions about the release to patients: what the policy would say, what is open to whom, who may decide."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from ris.orders.selectors import orders_of_referrer
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, sites_for

from ..models import PatientRelease, Report, ReportVersion
from ..states import FINAL, PRELIMINARY, RETURNED
from . import states
from .policies import rules_in_force
from .policy import ReleaseDecision, ResultFacts, decide_release


def facts_of_result(report: Report, *, kind: str, level: str, on: datetime) -> ResultFacts:
    """What the policy may ask of a result; the age is that on the day ``on`` at the site."""
    procedure, site = report.procedure, report.item.site
    day = on.astimezone(ZoneInfo(site.time_zone)).date()
    age = years_of(procedure.order.patient.birth_date, day)
    return ResultFacts(kind, procedure.modality, level, age, site.code)


def years_of(birth_date: date | None, day: date) -> int | None:
    """Whole years on a day: who was born on 29 February has their birthday on 1 March of other years."""
    if birth_date is None:
        return None
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def newest_version(report: Report) -> ReportVersion | None:
    """What was released last, of any kind."""
    return report.versions.order_by("-number").first()


def release_of(report: Report) -> PatientRelease | None:
    """Where the report's present edition stands; None: nobody decided or held anything yet."""
    return report.releases.filter(edition=report.edition).select_related("held_by", "reported").first()


def preview_release(report: Report, *, level: str, at: datetime) -> ReleaseDecision:
    """What the policy would say if the report were signed as final now, with this critical finding."""
    _, rules = rules_in_force()
    return decide_release(rules, facts_of_result(report, kind="final", level=level, on=at), at=at)


def may_decide(viewer: User, report: Report) -> bool:
    """Whether the viewer may hold the report back and give it: who reads at its site, and who ordered it."""
    if sites_for(viewer, Can.READ_CASES).filter(pk=report.item.site_id).exists():
        return True
    own = orders_of_referrer(viewer).filter(pk=report.procedure.order_id)
    return Can.SEE_REPORTS in permissions_of(viewer) and own.exists()


def reports_open_to_patients(patient_ids: Collection[int]) -> QuerySet[Report]:
    """Reports of these patients that their patients may see at this moment, by what was released last.

    A correction that nobody decided about yet, a retraction, a hold: each takes the report out at once.
    """
    newest = ReportVersion.objects.filter(report=OuterRef("pk")).order_by("-number").values("pk")[:1]
    standing = Q(state=FINAL) | Q(state__in=[PRELIMINARY, RETURNED])
    reports: QuerySet[Any] = Report.objects.filter(standing, procedure__order__patient__in=patient_ids)
    reports = reports.annotate(newest=Subquery(newest)).filter(
        releases__state=states.OPEN, releases__edition=F("edition"), releases__reported=F("newest")
    )
    return reports.select_related("item__site", "procedure__order__patient", "procedure__procedure")
