"""The limits of a session: how old it may grow, when it locks, and that a demanded second factor is there."""

from __future__ import annotations

import time
from urllib.parse import urlencode

from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse

from ris.kernel.clock import now
from ris.kernel.errors import Forbidden
from ris.people.delegation.services import SESSION, acting_in
from ris.people.http import actor_of, is_htmx, refused, user_of, wants_json
from ris.people.login.lock import lock
from ris.people.login.policy import has_left, needs_second_factor, provider_asked_factor
from ris.people.login.session import FACTOR, SEEN, is_locked, is_over, note_seen

from .api_errors import API, CONTENT_TYPE, problem_body
from .middleware import Middleware

# A write for each request would make every read of a page a write of its session, too.
NOTED_EVERY_S = 60
"""Seconds between two writes of when a session's person was last seen."""

BY_ITSELF = "X-By-Itself"
"""Header of a request that a page makes without a person: a live list that re-reads, an autosave's clock."""

WHILE_LOCKED = ("/lock/", "/logout/", "/static/")
"""What a locked session is answered."""

WITHOUT_FACTOR = ("/account/", "/logout/", "/login/", "/static/", "/profile/theme/", "/lock/")
"""What is open to who must set up a second factor first."""


class SessionLimits(Middleware):
    """Ends a session that is too old, locks an idle one, and shows only enrolment to who lacks a second factor.

    A person keeps a session open; a page that refreshes itself does not (:data:`BY_ITSELF`). While it is locked,
    nothing but the lock answers: 423 (RFC 4918, 11.3) to programs and parts of pages, the lock page to a browser.
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            answer = self._limit(request, int(time.time()))
            if answer is not None:
                return answer
        return self.get_response(request)

    def _limit(self, request: HttpRequest, now_s: int) -> HttpResponse | None:
        """The answer that stands for the page's own; None: there is none."""
        session, user = request.session, user_of(request)
        if is_over(session, now_s) or has_left(user, at=now()):
            logout(request)
            return None
        if is_locked(session, now_s):
            lock(session, user, actor=actor_of(request), at=now())
            return None if request.path.startswith(WHILE_LOCKED) else _say_locked(request)
        seen_s = session.get(SEEN, now_s)
        if SEEN not in session or (now_s - seen_s >= NOTED_EVERY_S and BY_ITSELF not in request.headers):
            note_seen(session, user, now_s)
        return _enrol(request) if _lacks_factor(request) else None


class ActingFor(Middleware):
    """Has the request count as what its person does for another, while their session says so."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and SESSION in request.session:
            user_of(request).acting = acting_in(request.session, user_of(request), at=now())
        return self.get_response(request)


def _say_locked(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(API) or is_htmx(request) or wants_json(request) or BY_ITSELF in request.headers:
        body = problem_body(423, "This screen is locked. Unlock it to go on.", code="locked")
        return JsonResponse(body, status=423, content_type=CONTENT_TYPE)
    # What a form sent is not kept: the browser's own page still has it, under its lock.
    where = request.get_full_path() if request.method in ("GET", "HEAD") else "/"
    return HttpResponseRedirect(f"{reverse('people:lock')}?{urlencode({'next': where})}")


def _lacks_factor(request: HttpRequest) -> bool:
    """Whether a second factor is demanded and missing. What is known to be there is not asked for each request."""
    if request.session.get(FACTOR) or request.path.startswith(WITHOUT_FACTOR):
        return False
    user = user_of(request)
    if needs_second_factor(user) and not is_mfa_enabled(user) and not provider_asked_factor(request.session):
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
