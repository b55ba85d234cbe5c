"""Messages on screen: what came, what goes out, how many are in which state, and since when the oldest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.values import id_or_none
from ris.patients.selectors import patients_matching
from ris.people.http import actor_of, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .. import selectors, states
from ..inbound.routing import MESSAGES
from ..operations.message_filter import MessageFilter

ROWS = 100
MOST_PATIENTS = 200
"""Patients of whom messages are searched; a name that fits more is too common to look for."""
COUNTED = timedelta(hours=24)
MOST_COUNTED = 1000
"""More are shown as this number with a plus sign: counting them all would take longer than the page may."""
UNDELIVERED = "undelivered"
"""In an address, beside the states: report messages that no system has accepted."""
IN_STATES = [
    states.APPLIED,
    states.RECEIVED,
    states.FAILED,
    states.REFUSED,
    states.TO_MEND,
    states.IGNORED,
    states.DUPLICATE,
]
OUT_STATES = [states.QUEUED, states.STOPPED, states.INVALID]


@require_http_methods(["GET", "POST"])
@page(Can.SEE_MESSAGES)
def list_messages(request: HttpRequest) -> HttpResponse:
    """Inbound or outbound (``?way=out``), newest first, by state. A search is POSTed and so is not logged."""
    user = user_of(request)
    out = request.GET.get("way") == "out"
    text = request.POST.get("text", "").strip()
    asked = MessageFilter() if out else MessageFilter.from_values(request.GET)
    rows: QuerySet[Any] = selectors.outbound_for(user) if out else asked.filter_rows(selectors.inbound_for(user))
    if text:
        rows = rows.filter(_matching(user, text, out))
    context = {
        **_page_of(request, rows, out, asked),
        **(_outbound_context(user) if out else _inbound_context(user)),
        "text": text,
        "may_mend": Can.MEND_MESSAGES in permissions_of(user),
    }
    if "X-By-Itself" not in request.headers:
        record(actor_of(request), "messages.view", user, at=now(), searched=bool(text), out=out)
    return render(request, "hl7/messages.html", context)


def _matching(user: User, text: str, out: bool) -> Q:
    patients = list(patients_matching(text, user).values_list("pk", flat=True)[:MOST_PATIENTS])
    same = Q(lane=text) if out else Q(accession=text) | Q(placer_number=text)
    whose = Q(patient__in=patients) | Q(patient__merged_into__in=patients)
    return same | Q(control_id=text) | whose


def _inbound_context(user: User) -> dict[str, Any]:
    tallies = {tally.state: tally for tally in selectors.inbound_tally(user, since=now() - COUNTED)}
    counts = [(state, tallies[state].count if state in tallies else 0) for state in IN_STATES]
    oldest = min((t.oldest for t in tallies.values() if t.state in states.OPEN and t.oldest), default=None)
    mend = MessageFilter(state="attention").filter_rows(selectors.inbound_for(user))[:MOST_COUNTED].count()
    return {
        "counts": counts,
        "oldest": oldest,
        "mend": mend,
        "mend_more": mend == MOST_COUNTED,
        "peers": selectors.peers_for(user),
        "kinds": sorted(MESSAGES),
    }


def _outbound_context(user: User) -> dict[str, Any]:
    queues = selectors.queues(user)
    tallies = [tally for queue in queues for tally in queue.tallies]
    counts = [(state, sum(t.count for t in tallies if t.state == state)) for state in OUT_STATES]
    oldest = min((queue.oldest for queue in queues if queue.oldest), default=None)
    return {
        "counts": counts,
        "oldest": oldest,
        "queues": queues,
        "lanes": selectors.stopped_lanes(user),
        "undelivered": selectors.undelivered_for(user, at=now())[:MOST_COUNTED].count(),
    }


def _page_of(request: HttpRequest, messages: QuerySet[Any], out: bool, asked: MessageFilter) -> dict[str, Any]:
    """One page of rows, by id: a page number would count a million rows first."""
    chosen = request.GET.get("state", "")
    if chosen == UNDELIVERED and out:
        messages = messages.filter(pk__in=selectors.undelivered_for(user_of(request), at=now()).values("pk"))
    elif chosen and out:
        messages = messages.filter(state=chosen)
    if before := id_or_none(request.GET.get("before", "")):
        messages = messages.filter(pk__lt=before)
    rows = list(messages.order_by("-pk")[: ROWS + 1])
    filters = {} if out else {name: value for name, value in asked.to_json().items() if name != "state"}
    query = {"way": "out" if out else "in", **({"state": chosen} if chosen else {}), **filters}
    return {
        "rows": rows[:ROWS], "out": out, "chosen": chosen, "query": urlencode(query), "asked": asked,
        "narrowed": urlencode(filters),
        "older": rows[ROWS - 1].pk if len(rows) > ROWS else None, "first": before is None,
    }  # fmt: skip
