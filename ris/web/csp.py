"""What a page may load and run: only what this server sent, and scripts only by file or by nonce."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class ContentSecurityPolicy:
    """Sets ``request.csp_nonce`` for templates and the Content-Security-Policy header on every answer.

    The websocket's address is named beside ``'self'``, which does not cover ``ws:`` in every browser.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        nonce = secrets.token_urlsafe(16)
        request.csp_nonce = nonce  # type: ignore[attr-defined]
        response = self.get_response(request)
        # A view that serves a file from outside has set a stricter one.
        response.headers.setdefault(
            "Content-Security-Policy", policy(nonce, request.get_host(), secure=request.is_secure())
        )
        response.headers["Permissions-Policy"] = "camera=(), geolocation=(), payment=(), usb=()"
        return response


def policy(nonce: str, host: str, *, secure: bool) -> str:
    """The header's value for one answer."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce}'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data:",
            "font-src 'self'",
            "manifest-src 'self'",
            f"connect-src 'self' {'wss' if secure else 'ws'}://{host}",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )
