"""Questions about reports, narrowed to what the viewer may see."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from ris.kernel.errors import Conflict, Forbidden, NotFound
from ris.people.models import User
from ris.people.roles import Can, Role
from ris.people.selectors import has_role, permissions_of, sites_for

from . import states
from .models import Report, ReportVersion
from .seals import seal

RELEASED = (states.PRELIMINARY, states.FINAL)


def visible_reports(viewer: User) -> QuerySet[Report]:
    """Reports at the viewer's sites: those who read see drafts, others what was released.

    A referrer without any other role sees the reports of their own orders only.
    """
    cans = permissions_of(viewer)
    if Can.SEE_REPORTS not in cans:
        raise Forbidden("Your role does not include seeing reports.", code="role")
    sites = list(sites_for(viewer, Can.SEE_REPORTS).values_list("pk", flat=True))
    reports = Report.objects.filter(item__site__in=sites).select_related("author", "item__procedure__order__patient")
    if Can.READ_CASES in cans:
        return reports
    reports = reports.filter(state__in=RELEASED)
    if has_role(viewer, Role.REFERRER) and Can.SEE_ORDERS not in cans:
        reports = reports.filter(Q(procedure__order__referrer=viewer))
    return reports


def report_for(viewer: User, report_id: int) -> Report:
    """One visible report. Raises NotFound."""
    found = visible_reports(viewer).filter(pk=report_id).first()
    if found is None:
        raise NotFound("There is no such report.")
    return found


def report_of_item(viewer: User, item_id: int) -> Report | None:
    """The visible report of a reading item, if one was begun."""
    return visible_reports(viewer).filter(item=item_id).first()


def versions_of(report: Report) -> QuerySet[ReportVersion]:
    """What was released of the report, in order, with authors and overrides."""
    return report.versions.select_related("author", "first_author").prefetch_related("overrides").order_by("number")


def may_correct(viewer: User, report: Report) -> bool:
    """Whether the viewer may correct it: who signed its text (or a correction), or who leads reading at its site."""
    site = report.item.site_id
    if not sites_for(viewer, Can.SIGN_REPORTS).filter(pk=site).exists():
        return False
    texts = report.versions.filter(kind__in=[ReportVersion.FINAL, ReportVersion.CORRECTED])
    return texts.filter(author=viewer).exists() or sites_for(viewer, Can.LEAD_READING).filter(pk=site).exists()


def correctable(viewer: User, report_id: int) -> Report:
    """A visible final report that the viewer may correct. Raises NotFound, Forbidden, Conflict."""
    report = report_for(viewer, report_id)
    if not may_correct(viewer, report):
        raise Forbidden("Who signed a report corrects it, or who leads reading at its site.", code="not-author")
    if report.state != states.FINAL:
        raise Conflict("Only a final report is corrected; this one can still be written.")
    return report


def broken_version(report: Report) -> ReportVersion | None:
    """The first version whose seal does not fit its content and predecessor; None when all do."""
    before = ""
    for version in report.versions.order_by("number"):
        if version.sha256 != seal(version, before):
            return version
        before = version.sha256
    return None
