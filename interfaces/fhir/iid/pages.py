"""The page of a link: it leads on to what the person may see, and shows nothing itself."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.people.http import actor_of, go, page, user_of

from .links import address_of


@require_safe
@page()
def follow_link(request: HttpRequest, link: str) -> HttpResponse:
    """Lead on to the result, the images or the patient. Who is not signed in signs in first."""
    address = address_of(link, user_of(request))
    record(actor_of(request), "iid.open", user_of(request), at=now())
    return go(request, address)
