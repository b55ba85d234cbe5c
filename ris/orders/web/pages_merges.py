"""Two patients who were taken for one are separated, and a person says whose is what came between."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.values import id_or_none
from ris.patients.selectors import merge_for
from ris.patients.services import give_visit, unmerge_patients
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can

from .. import services


@require_POST
@page(Can.SEPARATE_PATIENTS)
def separate(request: HttpRequest, merge_id: int) -> HttpResponse:
    """Undo a merge, with a reason."""
    merge = merge_for(user_of(request), merge_id)
    unmerge_patients(merge.pk, reason=_read_reason(request), actor=actor_of(request), at=now())
    text = "Separated. What the merge moved goes back; what came since is listed for you to decide on."
    return go(request, reverse("orders:patient", args=[merge.survivor_id]), text)


@require_POST
@page(Can.SEPARATE_PATIENTS)
def give(request: HttpRequest, merge_id: int) -> HttpResponse:
    """Give an order or a visit that came while the two were one to the other of them, with a reason."""
    merge = merge_for(user_of(request), merge_id)
    actor, at, reason = actor_of(request), now(), _read_reason(request)
    order_id, visit_id = (id_or_none(request.POST.get(name, "")) for name in ("order", "visit"))
    if order_id:
        services.give_order(order_id, merge.pk, reason=reason, actor=actor, at=at)
    elif visit_id:
        give_visit(visit_id, merge.pk, reason=reason, actor=actor, at=at)
    else:
        raise Invalid("Say which order or visit.", at="order")
    return go(request, reverse("orders:patient", args=[merge.survivor_id]), "Given to the other patient.")


def _read_reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:250]
