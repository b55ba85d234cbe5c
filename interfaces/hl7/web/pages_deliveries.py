"""Pages of signed reports on their way: what has not been delivered, and what somebody signed lately."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from reporting.selectors import visible_reports
from ris.access.visibility import open_rows
from ris.audit.services import record
from ris.kernel.clock import now
from ris.orders.result_delivery import list_deliveries
from ris.people.http import actor_of, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of, sites_for

from ..outbound.delivery import describe_wait, list_signed_lately, list_undelivered, wants_reports

MOST_ROWS = 200
"""Rows of the page; a longer list is an outage, which the destination's page shows better."""
LATELY = timedelta(minutes=10)
"""How long a signature is shown with its delivery: most results are accepted within seconds."""


@require_safe
@page(Can.LEAD_READING)
def list_undelivered_reports(request: HttpRequest) -> HttpResponse:
    """Reports of the viewer's sites that were signed and that a system has not accepted. Audited."""
    user, at = user_of(request), now()
    sites = [site.pk for site in sites_for(user, Can.LEAD_READING)]
    rows = open_rows(list_undelivered(sites, at=at), user).select_related(
        "report_version__author", "report_version__report__procedure__order__patient", "site"
    )
    if "X-By-Itself" not in request.headers:
        record(actor_of(request), "results.view", user, at=at, undelivered=True)
    listed = [(row, describe_wait(row)) for row in rows[: MOST_ROWS + 1]]
    context = {
        "rows": listed[:MOST_ROWS],
        "more": len(listed) > MOST_ROWS,
        "sees_messages": Can.SEE_MESSAGES in permissions_of(user),
    }
    return render(request, "hl7/undelivered.html", context)


@require_safe
@page(Can.READ_CASES)
def list_my_deliveries(request: HttpRequest) -> HttpResponse:
    """The viewer's latest signatures and how far each is on its way: a fragment that loads itself again."""
    at, user = now(), user_of(request)
    lately = list_signed_lately(user.pk, since=at - LATELY)
    seen = set(visible_reports(user).filter(versions__in=lately).values_list("pk", flat=True))
    versions = [version for version in lately if version.report_id in seen]
    deliveries = list_deliveries(version.report.procedure_id for version in versions)
    rows = [(version, deliveries[version.report.procedure_id]) for version in versions]
    return render(request, "hl7/my_deliveries.html", {"rows": rows, "wanted": wants_reports()})
