"""Workitems on screen: what is owed by whom, and which algorithm is given which exam."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record_shown
from ris.kernel.clock import now
from ris.kernel.errors import Conflict
from ris.kernel.values import id_or_none, read_reason
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .. import states
from ..models import AiAlgorithm, Workitem
from . import services
from .dataset import READINESS, STEP_LABEL, text_at
from .orchestration import open_case
from .subscription import item_for, workitems_for

ROWS = 100


@require_safe
@page(Can.LEAD_READING, Can.SET_UP)
def worklist_items(request: HttpRequest) -> HttpResponse:
    """Newest first, by state; and the rules by which exams become workitems."""
    user = user_of(request)
    chosen, before = request.GET.get("state", ""), id_or_none(request.GET.get("before", ""))
    rows = workitems_for(user)
    rows = rows.select_related("procedure__order__patient", "algorithm", "performer", "site").order_by("-pk")
    if chosen:
        rows = rows.filter(state=chosen)
    if before:
        rows = rows.filter(pk__lt=before)
    shown = list(rows[: ROWS + 1])
    for row in shown:
        row.step_label = text_at(row.dataset, STEP_LABEL)  # type: ignore[attr-defined]  # for the template
        row.readiness = text_at(row.dataset, READINESS)  # type: ignore[attr-defined]
    seen = ((row, row.procedure.order.patient_id if row.procedure else None) for row in shown[:ROWS])
    record_shown(actor_of(request), "workitem.view", seen, at=now())
    context = {
        "rows": shown[:ROWS],
        "older": shown[ROWS - 1].pk if len(shown) > ROWS else None,
        "state": chosen,
        "states": states.WORKITEM_STATES,
        "algorithms": AiAlgorithm.objects.select_related("site").order_by("name"),
        "may_cancel": Can.LEAD_READING in permissions_of(user),
        "may_set_up": Can.SET_UP in permissions_of(user),
        "unfinished": states.UNFINISHED_WORK,
    }
    return render(request, "dicom/workitems.html", context)


@require_POST
@page(Can.LEAD_READING)
def cancel(request: HttpRequest, workitem_id: int) -> HttpResponse:
    """Cancel it, with a reason; a case that waited for it is opened."""
    uid = Workitem.objects.filter(pk=workitem_id).values_list("uid", flat=True).first() or ""
    item = item_for(user_of(request), uid)
    reason = read_reason(request.POST.get("reason", ""))
    if item.state not in states.UNFINISHED_WORK:
        raise Conflict(f"This workitem is {item.state}.")
    services.cancel_unfinished(item, reason, actor=actor_of(request), at=now())
    if item.procedure_id:
        open_case(item.procedure_id, at=now())
    return go(request, reverse("dicom:workitems"), "Cancelled.")
