"""The bell of every page: offers, cases that changed hands, STAT in the reader's field, results that are stuck,
and what upper layers add."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from ris.kernel.clock import now
from ris.people.http import page, user_of
from ris.people.roles import Can

from ..selectors.bell import bell_of
from ..services.notices import see_notices


@require_safe
@page(Can.READ_CASES, Can.SEE_REPORTS)
def show_bell(request: HttpRequest) -> HttpResponse:
    """The bell as a part of a page, which asks for it again every few seconds."""
    return render(request, "worklist/bell.html", {"bell": bell_of(user_of(request))})


@require_POST
@page(Can.READ_CASES, Can.SEE_REPORTS)
def mark_seen(request: HttpRequest) -> HttpResponse:
    """The reader looked at the notices; the bell without them."""
    see_notices(user_of(request), at=now())
    return render(request, "worklist/bell.html", {"bell": bell_of(user_of(request))})
