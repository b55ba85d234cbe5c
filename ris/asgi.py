"""The web's entry: HTTP to Django, websockets to Channels.

Only pages of this very server may open a websocket. A browser sends its cookies with any page's websocket, so the
Origin must be the scheme, host and port that the socket itself was asked for. Programs, which send no Origin, are
refused with the rest, but at the addresses where no cookie counts (``programs``).
"""

from __future__ import annotations

import os
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http.request import split_domain_port, validate_host
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ris.settings")
http = get_asgi_application()

from interfaces.dicom.workitems.live import websocket_urlpatterns as workitem_sockets  # noqa: E402
from interfaces.fhir.cast.live import websocket_urlpatterns as cast_sockets  # noqa: E402
from interfaces.fhir.subscriptions.live import websocket_urlpatterns as notification_sockets  # noqa: E402
from reporting.dictation.live import websocket_urlpatterns as dictation_sockets  # noqa: E402
from worklist.live.consumers import websocket_urlpatterns  # noqa: E402  (models are there only now)


def is_same_origin(scheme: str, headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether Origin names what Host names, over the matching scheme, and Host is one of ours."""
    values = {name.lower(): value.decode("latin-1") for name, value in headers}
    host = values.get(b"host", "")
    name, _ = split_domain_port(host)
    # Sec-WebSocket handshakes carry the page's origin, whose scheme is that of HTTP (RFC 6455, 10.2).
    origin = f"{'https' if scheme == 'wss' else 'http'}://{host}"
    return bool(name) and validate_host(name, settings.ALLOWED_HOSTS) and values.get(b"origin") == origin


class SameOrigin:
    """ASGI middleware: a handshake from elsewhere is answered with 403."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if is_same_origin(scope.get("scheme", "ws"), scope["headers"]):
            await self.inner(scope, receive, send)
        else:
            # Before websocket.accept the server answers this with 403; 1008 is “policy violation” (RFC 6455, 7.4.1).
            await send({"type": "websocket.close", "code": 1008})


class _Nowhere(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.close()


nowhere = re_path(r"", _Nowhere.as_asgi())
"""For addresses at which there is no socket: without it, URLRouter raises and the log has a traceback."""


pages: Any = SameOrigin(AuthMiddlewareStack(URLRouter([*websocket_urlpatterns, *dictation_sockets, nowhere])))
programs: list[Any] = [*notification_sockets, *workitem_sockets, *cast_sockets]
"""Sockets that read no cookie: programs open them, from wherever they are, and say by a token who they are."""
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter([*programs, re_path(r"", pages)])})
