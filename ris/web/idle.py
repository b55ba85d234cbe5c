"""Log-off after a quiet time. What keeps a session alive is a person, not a page that refreshes itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from ris.people.edge import SEEN, is_idle

NOTED_EVERY = 60
"""Seconds between two writes of when somebody was seen, so that most requests write nothing."""

BY_ITSELF = "X-By-Itself"
"""Header of a request that a page makes without a person: a live list that re-reads, an autosave's clock."""


class IdleLogOff:
    """Ends a session in which nobody did anything for ``settings.IDLE_LOG_OFF``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            at = int(time.time())
            seen = request.session.get(SEEN, at)
            if is_idle(request.session, at):
                logout(request)
            elif SEEN not in request.session or (at - seen >= NOTED_EVERY and BY_ITSELF not in request.headers):
                request.session[SEEN] = at
        return self.get_response(request)
