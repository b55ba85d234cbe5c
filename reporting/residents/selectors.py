"""Who may supervise, what a report was returned for, and whom a discrepancy concerns."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from ris.access.visibility import open_rows
from ris.people.models import User
from ris.people.roles import ROLES, Can
from ris.people.selectors import granted_sites, sites_for
from worklist.models import ReadingItem

from ..models import DiscrepancyNotice, ReportReturn

MOST_SUPERVISORS = 100


def supervisors_for(viewer: User, item: ReadingItem) -> list[User]:
    """Whom the holder of a case may choose to sign it: who signs at its site, by name."""
    signing = [role.value for role, cans in ROLES.items() if Can.SIGN_REPORTS in cans]
    people = User.objects.filter(groups__name__in=signing, is_active=True).exclude(pk=viewer.pk).distinct()
    at_site = [user for user in people.order_by("last_name", "username") if item.site in granted_sites(user)]
    return at_site[:MOST_SUPERVISORS]


def last_return(item: ReadingItem) -> ReportReturn | None:
    """What the case's report was returned for last."""
    returns = ReportReturn.objects.filter(report__item=item).select_related("supervisor", "trainee")
    return returns.order_by("-pk").first()


def notices_for(viewer: User) -> QuerySet[DiscrepancyNotice]:
    """Notices to the viewer; for who reads cases also those to ordering providers of their sites without an account."""
    sites = list(sites_for(viewer, Can.READ_CASES).values_list("pk", flat=True))
    unaddressed = Q(recipient=None, version__report__item__site__in=sites)
    rows = DiscrepancyNotice.objects.filter(Q(recipient=viewer) | unaddressed)
    way = "version__report__procedure__order__patient"
    rows = open_rows(rows, viewer, patient=way, site="version__report__item__site")
    related = ("version__author", "version__first_author", "version__report__procedure__order__patient", "recipient")
    return rows.select_related(*related).order_by("acknowledged_at", "-told_at", "-pk")
