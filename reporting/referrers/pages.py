"""The referrer's first screen, and the images of a result."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.people.http import actor_of, page, user_of
from ris.people.roles import Can

from .. import selectors as reports
from ..selectors_case import viewer_address
from .selectors import new_results, open_orders, own_patients, own_results

MOST_SHOWN = 50


@require_safe
@page(Can.SEE_REPORTS)
def home(request: HttpRequest) -> HttpResponse:
    """What is new to the viewer, critical findings first; their patients; orders that wait. Audited."""
    user = user_of(request)
    record(actor_of(request), "results.view-own", user, at=now())
    new = list(new_results(user)[:MOST_SHOWN])
    context = {
        "critical": [report for report in new if report.critical_level],
        "new": [report for report in new if not report.critical_level],
        "recent": own_results(user).filter(is_new=0).order_by("-released_at", "-pk")[:10],
        "patients": own_patients(user), "orders": open_orders(user)[:MOST_SHOWN],
    }  # fmt: skip
    return render(request, "reporting/home.html", context)


@require_safe
@page(Can.SEE_REPORTS)
def images(request: HttpRequest, report_id: int) -> HttpResponse:
    """Send the browser to the exam's images in the viewer of its site. Audited as ``report.images``."""
    report = reports.report_for(user_of(request), report_id)
    address = viewer_address(report.item)
    record(actor_of(request), "report.images", report, patient_id=report.procedure.order.patient_id, at=now())
    # Not HttpResponseRedirect: it refuses the schemes of viewers that run on the desktop (weasis:).
    return HttpResponse(status=302, headers={"Location": address, "Referrer-Policy": "no-referrer"})
