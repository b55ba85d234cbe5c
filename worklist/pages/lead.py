"""For those who lead the reading, and for every reader's own standing: escalations, coverage, presence, offers, why."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.catalog.models import Subspecialty
from ris.kernel.clock import now
from ris.kernel.values import day_or_none, id_or_none, read_moment
from ris.people.http import actor_of, go, page, toast, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require, sites_for

from .. import selectors, services
from ..rules.score import RUNG_NAMES
from ..selectors.access import colleague
from ..selectors.coverage import coverage
from ..selectors.explain import explain


@require_safe
@page(Can.LEAD_READING)
def show_coverage(request: HttpRequest) -> HttpResponse:
    """For each subspecialty and modality, hour by hour: who is there, and where nobody is."""
    user = user_of(request)
    day = day_or_none(request.GET.get("day", "")) or timezone.localdate()
    since = timezone.make_aware(datetime.combine(day, datetime.min.time()))
    sites = list(sites_for(user, Can.LEAD_READING))
    site = next((s for s in sites if str(s.pk) == request.GET.get("site")), sites[0] if sites else None)
    cells = [cell for cell in coverage(user, since=since, hours=24) if site and cell.site_id == site.pk]
    names = dict(Subspecialty.objects.values_list("pk", "name"))
    people = {pk for cell in cells for pk in (*cell.primary, *cell.secondary)}
    who = {person.pk: person.display_name for person in User.objects.filter(pk__in=people)}
    lines: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for cell in cells:
        key = (names.get(cell.pool, "Any"), cell.modality)
        lines[key].append({
            "start": cell.start, "count": len(cell.primary), "backup": len(cell.secondary),
            "who": ", ".join(who.get(pk, "?") for pk in cell.primary) or "nobody with the primary skill",
            "backups": ", ".join(who.get(pk, "?") for pk in cell.secondary),
        })  # fmt: skip
    context = {
        "lines": [{"name": key[0], "modality": key[1], "cells": lines[key]} for key in sorted(lines)],
        "hours": [since + timedelta(hours=n) for n in range(24)], "site": site, "sites": sites, "day": day,
        "before": day - timedelta(days=1), "after": day + timedelta(days=1),
        "gaps": sum(cell.gap for cell in cells), "cells": len(cells),
    }  # fmt: skip
    return render(request, "worklist/coverage.html", context)


@require_safe
@page(Can.SEE_WORKLIST)
def explain_item(request: HttpRequest, item_id: int) -> HttpResponse:
    """Why a case stands where it stands and is with whom it is, now or at a past moment (``?at=``). Audited."""
    user = user_of(request)
    item = selectors.item_for(user, item_id)
    text = request.GET.get("at", "")
    at = read_moment(text, at="at") if text else now()
    record(actor_of(request), "item.explain", item, patient_id=item.procedure.order.patient_id, at=now())
    why = explain(item, at, viewer=user)
    ids = {line["reader"] for line in [*why["history"], *why["declined"]] if line["reader"]}
    context = {
        "item": item, "patient": item.procedure.order.patient, "visit": item.procedure.order.visit,
        "why": why, "at": at,
        "names": {person.pk: person.display_name for person in User.objects.filter(pk__in=ids)}, "rungs": RUNG_NAMES,
    }  # fmt: skip
    return render(request, "worklist/explain.html", context)


@require_POST
@page(Can.READ_CASES)
def set_presence(request: HttpRequest) -> HttpResponse:
    """Available, away, teaching, signed out."""
    state = request.POST.get("state", "")
    services.set_presence(user_of(request), state, actor=actor_of(request), at=now())
    return toast(HttpResponse(status=204), f"You are {state}.")


@require_POST
@page(Can.READ_CASES)
def accept_offer(request: HttpRequest, offer_id: int) -> HttpResponse:
    """Claim what was offered, and go to it."""
    item = services.accept_offer(offer_id, reader=user_of(request), actor=actor_of(request), at=now())
    return go(request, reverse("reporting:room", args=[item.pk]))


@require_POST
@page(Can.READ_CASES)
def decline_offer(request: HttpRequest, offer_id: int) -> HttpResponse:
    """Decline it with a reason; the next reader is asked."""
    reason = request.POST.get("reason", "")
    services.decline_offer(offer_id, reader=user_of(request), reason=reason, actor=actor_of(request), at=now())
    return toast(HttpResponse(status=204), "Declined. The next reader is asked.")


@require_POST
@page(Can.READ_CASES, Can.LEAD_READING)
def hand_over(request: HttpRequest) -> HttpResponse:
    """What a reader holds, or only ``items``, to a colleague or back to everybody.

    One's own cases; those of others need the lead's role.
    """
    user = user_of(request)
    reader_text, to_text = request.POST.get("reader", ""), request.POST.get("to", "")
    reader = colleague(user, reader_text) if reader_text else user
    if reader != user:
        require(user, Can.LEAD_READING)
    to = colleague(user, to_text) if to_text else None
    items = [pk for text in request.POST.getlist("items") if (pk := id_or_none(text))] or None
    reason = request.POST.get("reason", "")
    moved = services.hand_over(reader, to=to, reason=reason, items=items, actor=actor_of(request), at=now())
    text = f"{len(moved)} case{'' if len(moved) == 1 else 's'} handed over{f' to {to.display_name}' if to else ''}."
    return go(request, reverse("worklist:coordinator" if reader != user else "worklist:list"), text)
