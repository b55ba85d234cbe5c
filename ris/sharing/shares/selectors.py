"""Questions about shares: what may be shared by whom, which shares somebody may see, whether one still opens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Q, QuerySet

from reporting.models import OutsideDocument, Report
from reporting.release.selectors import reports_open_to_patients
from reporting.selectors import OF_REPORT
from reporting.states import FINAL
from ris.access.visibility import open_rows
from ris.kernel.errors import Conflict, NotFound
from ris.orders.models import Order
from ris.orders.selectors import orders_of_referrer
from ris.people.models import User
from ris.people.roles import Can, Role
from ris.people.selectors import has_role, permissions_of, require, sites_for

from ..models import Share


def shareable_reports(viewer: User) -> QuerySet[Report]:
    """Final reports that the viewer may share: at their sites; a referrer without other role, of their own orders."""
    reports = Report.objects.filter(state=FINAL, item__site__in=sites_for(viewer, Can.SHARE_REPORTS))
    reports = open_rows(reports, viewer, **OF_REPORT)
    reports = reports.select_related("item__site", "procedure__procedure", "procedure__order__patient")
    if has_role(viewer, Role.REFERRER) and Can.SEE_ORDERS not in permissions_of(viewer):
        reports = reports.filter(procedure__order__in=orders_of_referrer(viewer).values("pk"))
    return reports


def shareable_report(viewer: User, report_id: int) -> Report:
    """One of them. Raises Forbidden without the permission, NotFound."""
    require(viewer, Can.SHARE_REPORTS)
    report = shareable_reports(viewer).filter(pk=report_id).first()
    if report is None:
        raise NotFound("There is no final report that you could share.")
    return report


def shareable_of_order(viewer: User, order_id: int) -> tuple[Order, list[Report]]:
    """An order with its final reports. Raises NotFound, also where none of them may be shared by the viewer."""
    require(viewer, Can.SHARE_REPORTS)
    reports = list(shareable_reports(viewer).filter(procedure__order=order_id).order_by("procedure"))
    if not reports:
        raise NotFound("This order has no final report that you could share.")
    return reports[0].procedure.order, reports


def refuse_unshared(report: Report, audience: str) -> None:
    """Raise Conflict for a report that nobody outside may be shown now; asked when a share is made and when it opens.

    It must be final; whom the release policy keeps it from gets no link to it either.
    """
    if not Report.objects.filter(pk=report.pk, state=FINAL).exists():
        raise Conflict("Only a final report is shared.", code="not-final")
    patient_id = report.procedure.order.patient_id
    if audience == Share.PATIENT and not reports_open_to_patients([patient_id]).filter(pk=report.pk).exists():
        raise Conflict("The patient may not see this report yet: give it to them first.", code="not-released")


def visible_shares(viewer: User) -> QuerySet[Share]:
    """Shares that the viewer made; for who sees the audit trail all of their sites, and for who leads reading."""
    sites = sites_for(viewer, Can.SEE_AUDIT) | sites_for(viewer, Can.LEAD_READING)
    rows = Share.objects.filter(Q(made_by=viewer) | Q(report__item__site__in=sites.values("pk")))
    rows = open_rows(rows, viewer, patient="report__procedure__order__patient", site="report__item__site")
    return rows.select_related("made_by", "report__item__site", "report__procedure__procedure")


def share_for(viewer: User, share_id: int) -> Share:
    """One of them. Raises NotFound."""
    share = visible_shares(viewer).filter(pk=share_id).first()
    if share is None:
        raise NotFound("There is no such share.")
    return share


def standing_of(share: Share, *, at: datetime) -> str:
    """``open``, or why it opens nothing any more: ``revoked``, ``expired``, ``locked``, ``used up``."""
    if share.revoked_at is not None:
        return "revoked"
    if share.expires_at <= at:
        return "expired"
    if share.wrong >= Share.MOST_WRONG:
        return "locked"
    return "used up" if share.views >= share.most_views else "open"


def documents_of_share(share: Share) -> QuerySet[OutsideDocument]:
    """Documents made elsewhere of the very exam, where the share has them."""
    if Share.DOCUMENTS not in share.parts:
        return OutsideDocument.objects.none()
    standing = OutsideDocument.objects.filter(replaced_at=None, withdrawn_at=None)
    return standing.filter(procedure=share.report.procedure_id)


def with_standing(shares: Iterable[Share], *, at: datetime) -> Iterator[tuple[Share, str]]:
    """Each with :func:`standing_of`."""
    return ((share, standing_of(share, at=at)) for share in shares)
