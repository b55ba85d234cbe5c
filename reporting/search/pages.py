"""The search on screen: words, filters, excerpts, and lists that are kept."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.values import number_or_none
from ris.people.http import actor_of, go, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for

from .engines import SEARCHED
from .selectors import QUESTION_FIELDS, Found, read_question, saved_search, saved_searches, search_reports
from .services import delete_search, save_search


@require_safe
@page(Can.SEE_REPORTS)
def search(request: HttpRequest) -> HttpResponse:
    """Released reports by their words. Audited with the reports that were shown, and without the words."""
    return _render_search(request, {name: request.GET.get(name, "") for name in QUESTION_FIELDS})


@require_safe
@page(Can.SEE_REPORTS)
def saved(request: HttpRequest, search_id: int) -> HttpResponse:
    """A kept search, asked anew. Raises NotFound for another person's."""
    question = saved_search(user_of(request), search_id).question
    return _render_search(request, {name: question.get(name, "") for name in QUESTION_FIELDS})


def _render_search(request: HttpRequest, typed: dict[str, str]) -> HttpResponse:
    user = user_of(request)
    context: dict[str, Any] = {
        "typed": typed, "sections": SEARCHED, "sites": list(sites_for(user, Can.SEE_REPORTS)),
        "saved": list(saved_searches(user)), "found": None, "search_url": reverse("reporting:search"),
        "query": urlencode({name: value for name, value in typed.items() if value}),
    }  # fmt: skip
    if typed["q"].strip():
        try:
            context["found"] = found_for(request, user, typed)
        except Invalid as refusal:
            context["refusal"] = refusal
    return render(request, "reporting/search.html", context, status=400 if "refusal" in context else 200)


def found_for(request: HttpRequest, user: User, fields: dict[str, str]) -> Found:
    """Search, and audit whose reports were shown. Raises Invalid."""
    page_number = number_or_none(request.GET.get("page", "1")) or 1
    at = now()
    found = search_reports(user, read_question(fields), at=at, page=page_number)
    shown = [hit.row.report_id for hit in found.hits]
    filters = sorted(name for name, value in fields.items() if value and name != "q")
    record(actor_of(request), "reports.search", user, at=at, total=found.total, shown=shown, filters=filters)
    return found


@require_POST
@page(Can.SEE_REPORTS)
def save(request: HttpRequest) -> HttpResponse:
    """Keep the search of the form as a list."""
    fields = {name: request.POST.get(name, "") for name in QUESTION_FIELDS}
    kept = save_search(user_of(request), request.POST.get("name", ""), fields, actor=actor_of(request), at=now())
    return go(request, reverse("reporting:saved-search", args=[kept.pk]), "Kept as a list.")


@require_POST
@page(Can.SEE_REPORTS)
def forget(request: HttpRequest, search_id: int) -> HttpResponse:
    """Delete a kept search."""
    delete_search(user_of(request), search_id, actor=actor_of(request), at=now())
    return go(request, reverse("reporting:search"), "The list is deleted. The reports stay as they are.")
