"""The hub over HTTP (FHIRcast STU3): subscribe by a form, change the context by JSON, get the context."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Forbidden, Invalid, NotFound, Refusal
from ris.kernel.values import is_storable, read_number
from ris.people.http import actor_of, user_of

from ..authentication import log_in
from ..refusals import HttpRefusal, status_of
from . import services
from .context import EVENTS
from .desk import known_patient, take_event

View = Callable[..., HttpResponse]
MOST_BYTES = 1_000_000


def cast_call(*methods: str) -> Callable[[View], View]:
    """A call by bearer token; a refusal is JSON with its status and what is wrong."""

    def around(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if request.method == "OPTIONS" or request.method not in methods:
                    return HttpResponse(status=405, headers={"Allow": ", ".join(methods)})
                log_in(request)
                if any("\x00" in value for value in kwargs.values()):
                    raise NotFound("There is no such topic.", at="hub.topic")
                return view(request, *args, **kwargs)
            except Refusal as refusal:
                headers = refusal.headers if isinstance(refusal, HttpRefusal) else {}
                body = {"error": refusal.detail, "at": refusal.at}
                return JsonResponse(body, status=status_of(refusal)[0], headers=headers)

        return inner

    return around


def show_configuration(request: HttpRequest) -> HttpResponse:
    """``.well-known/fhircast-configuration``, for everybody."""
    return JsonResponse({
        "eventsSupported": EVENTS,
        "getCurrentSupport": True,
        "websocketSupport": True,
        "fhircastVersion": "STU3",
        "fhirVersion": "4.0.1",
        "capabilities": ["currentContextSupport", "contentSharingSupport"],
    })  # fmt: skip


@cast_call("GET")
def show_session(request: HttpRequest) -> HttpResponse:
    """``GET /fhircast/session``: hub.url and hub.topic of the caller's desk, for clients without a SMART launch."""
    session = services.session_of(user_of(request), at=now())
    return JsonResponse({"hub.url": request.build_absolute_uri("/fhircast/"), "hub.topic": session.topic})


@cast_call("POST")
def hub(request: HttpRequest) -> HttpResponse:
    """``POST hub.url``: a form subscribes or unsubscribes, JSON requests a change of context."""
    if (request.content_type or "") == "application/x-www-form-urlencoded":
        return _subscribe(request)
    return _change(request, "")


def _subscribe(request: HttpRequest) -> HttpResponse:
    """202 with the address of the websocket. Raises Invalid for another channel than websocket."""
    form, token = request.POST, getattr(request, "auth", None)
    if token is None:
        raise Forbidden("Subscribe with an API token.", code="token")
    who: Any = {"user": user_of(request), "actor": actor_of(request), "at": now()}
    endpoint = form.get("hub.channel.endpoint", "").rstrip("/").rpartition("/")[2]
    topic, mode = form.get("hub.topic", ""), form.get("hub.mode", "")
    if mode == "unsubscribe":
        services.unsubscribe_application(topic, endpoint, **who)
        return JsonResponse({"hub.channel.endpoint": form.get("hub.channel.endpoint", "")}, status=202)
    if mode != "subscribe":
        raise Invalid("Say subscribe or unsubscribe.", at="hub.mode")
    if form.get("hub.channel.type") != "websocket":
        raise Invalid("There are only websockets: hub.channel.type=websocket.", at="hub.channel.type")
    lease = read_number(form.get("hub.lease_seconds") or "0", at="hub.lease_seconds")
    row = services.subscribe_application(
        topic, form.get("hub.events", "").split(","), name=form.get("subscriber.name", ""), lease_s=lease, token=token,
        endpoint=endpoint, **who,
    )  # fmt: skip
    address = request.build_absolute_uri(f"/fhircast/ws/{row.endpoint}").replace("http", "ws", 1)
    return JsonResponse({"hub.channel.endpoint": address}, status=202)


@cast_call("GET", "POST")
def topic(request: HttpRequest, topic: str) -> HttpResponse:
    """``GET hub.url/topic``: what is open; ``POST``: a change of it."""
    if request.method == "POST":
        return _change(request, topic)
    session = services.session_for(topic, user_of(request))
    patient_id = known_patient(session.context, user_of(request))
    record(actor_of(request), "fhircast.read", session, patient_id=patient_id, at=now())
    return JsonResponse(services.current_context(session))


def _change(request: HttpRequest, topic: str) -> HttpResponse:
    """202 once the context changed and the event is on its way."""
    if len(request.body) > MOST_BYTES:
        raise HttpRefusal(413, "too-long", f"At most {MOST_BYTES} bytes.")
    try:
        message = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Invalid("The body is no JSON that can be read.", at="body") from None
    if not isinstance(message, dict) or not is_storable(message):
        raise Invalid("An object with timestamp, id and event is wanted, of texts without NUL characters.", at="body")
    if topic and isinstance(message.get("event"), dict):
        message["event"].setdefault("hub.topic", topic)
    session = take_event(message, user=user_of(request), actor=actor_of(request), at=now())
    answer = {"context.versionId": session.version_id} if session.version_id else {}
    return JsonResponse(answer, status=202)
