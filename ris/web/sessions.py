"""The limits of a session: how old it may grow, when it locks, and that a demanded second factor is there."""

from __future__ import annotations

import time

from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse

from ris.kernel.errors import Forbidden
from ris.people.http import is_htmx, refused, user_of, wants_json
from ris.people.login.policy import needs_second_factor
from ris.people.login.session import FACTOR, SEEN, is_locked, is_over, note_seen

from .api_errors import API, CONTENT_TYPE, problem_body
from .middleware import Middleware

# A write for each request would make every read of a page a write of its session, too.
NOTED_EVERY_S = 60
"""Seconds between two writes of when a session's person was last seen."""

BY_ITSELF = "X-By-Itself"
"""Header of a request that a page makes without a person: a live list that re-reads, an autosave's clock."""

WITHOUT_FACTOR = ("/account/", "/logout/", "/login/", "/static/", "/profile/theme/")
"""What is open to who must set up a second factor first."""


class SessionLimits(Middleware):
    """Ends a session that is too old or idle, and shows nothing but enrolment to who lacks a second factor.

    A person keeps a session alive; a page that refreshes itself does not (:data:`BY_ITSELF`).
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now_s = int(time.time())
            seen_s = request.session.get(SEEN, now_s)
            if is_over(request.session, now_s) or is_locked(request.session, now_s):
                logout(request)
            elif SEEN not in request.session or (now_s - seen_s >= NOTED_EVERY_S and BY_ITSELF not in request.headers):
                note_seen(request.session, user_of(request), now_s)
            if request.user.is_authenticated and _lacks_factor(request):
                return _enrol(request)
        return self.get_response(request)


def _lacks_factor(request: HttpRequest) -> bool:
    """Whether a second factor is demanded and missing. What is known to be there is not asked for each request."""
    if request.session.get(FACTOR) or request.path.startswith(WITHOUT_FACTOR):
        return False
    user = user_of(request)
    if needs_second_factor(user) and not is_mfa_enabled(user):
        return True
    request.session[FACTOR] = True
    return False


def _enrol(request: HttpRequest) -> HttpResponse:
    refusal = Forbidden("Set up a second factor first, under Profile, Second factors.", code="second-factor")
    if request.path.startswith(API):
        return JsonResponse(problem_body(403, refusal.detail, code=refusal.code), status=403, content_type=CONTENT_TYPE)
    if is_htmx(request) or wants_json(request):
        return refused(request, refusal)
    return HttpResponseRedirect(reverse("mfa_index"))
