"""One message on screen: what it says, what became of it, and what to do about it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .. import selectors, states
from ..models import InboundMessage, OutboundMessage
from ..operations import services
from . import message_view


@require_safe
@page(Can.SEE_MESSAGES)
def show_inbound(request: HttpRequest, message_id: int) -> HttpResponse:
    """One message that came in: raw beside parsed, what it changed, what was answered. Audited."""
    user = user_of(request)
    message = selectors.inbound_message(user, message_id)
    record(actor_of(request), "message.view", message, patient_id=message.patient_id, at=now())
    context = {
        "message": message,
        **_message_context(bytes(message.raw), message.charset),
        "answer": message_view.decode_for_display(bytes(message.answer or b"")),
        "effects": _linked(message.effects),
        "may_mend": Can.MEND_MESSAGES in permissions_of(user),
        "copies": message.edits.order_by("pk"),
        "resends": message.resends.count(),
    }
    return render(request, "hl7/inbound.html", context)


def _message_context(raw: bytes, charset: str = "") -> dict[str, Any]:
    text = message_view.decode_for_display(raw, charset)
    # MLLP's block characters (0x0B, 0x1C) stand alone in their line where framing was at fault.
    lines = [(line[:3], line[3:]) for line in text.split("\n") if line.strip("\x1c\x0b ")]
    return {"lines": lines, "segments": message_view.parse_for_display(raw, charset)}


LINKS = {"Order": "orders:detail", "Patient": "orders:patient"}


def _linked(effects: list[Any]) -> list[dict[str, Any]]:
    links = []
    for verb, kind, pk in (effect[:3] for effect in effects if len(effect) >= 3):
        try:
            url = reverse(LINKS[kind], args=[pk]) if kind in LINKS else ""
        # An effect may be on something that was deleted or has no page; it is named without a link.
        except NoReverseMatch:
            url = ""
        links.append({"verb": verb, "kind": kind, "pk": pk, "url": url})
    return links


@require_safe
@page(Can.SEE_MESSAGES)
def show_outbound(request: HttpRequest, message_id: int) -> HttpResponse:
    """One message that goes out, with what the peer answered. Audited."""
    user = user_of(request)
    message = selectors.outbound_message(user, message_id)
    record(actor_of(request), "message.view", message, patient_id=message.patient_id, at=now())
    context = {
        "message": message,
        **_message_context(bytes(message.raw)),
        "answer": message_view.decode_for_display(bytes(message.answer or b"")),
        "ahead": _ahead(message),
        "may_mend": Can.MEND_MESSAGES in permissions_of(user),
    }
    return render(request, "hl7/outbound.html", context)


def _ahead(message: OutboundMessage) -> list[OutboundMessage]:
    """What its lane waits for."""
    lane = OutboundMessage.objects.filter(destination=message.destination_id, lane=message.lane)
    return list(lane.filter(state__in=states.UNFINISHED, pk__lt=message.pk).order_by("pk")[:10])


@require_http_methods(["GET", "POST"])
@page(Can.MEND_MESSAGES)
def edit_message(request: HttpRequest, message_id: int) -> HttpResponse:
    """Edit a copy; ``preview`` shows what it would change, ``replay`` does it."""
    user, at = user_of(request), now()
    message = selectors.inbound_message(user, message_id)
    text = request.POST.get("text") or message_view.decode_for_display(bytes(message.raw), message.charset)
    if request.POST.get("do") == "replay":
        reason = request.POST.get("reason", "")
        copy = services.replay(message.pk, text=text, reason=reason, actor=actor_of(request), at=at)
        return go(request, reverse("hl7:inbound", args=[copy.pk]), _outcome(copy))
    preview = services.preview_replay(message.pk, text=text, at=at) if request.method == "POST" else None
    record(actor_of(request), "message.view", message, patient_id=message.patient_id, at=at)
    return render(request, "hl7/edit.html", {"message": message, "text": text, "preview": preview})


@require_POST
@page(Can.MEND_MESSAGES)
def replay_message(request: HttpRequest, message_id: int) -> HttpResponse:
    """Take it again as it came, with a reason."""
    message = selectors.inbound_message(user_of(request), message_id)
    copy = services.replay(message.pk, reason=_reason(request), actor=actor_of(request), at=now())
    return go(request, reverse("hl7:inbound", args=[copy.pk]), _outcome(copy))


@require_POST
@page(Can.MEND_MESSAGES)
def settle_message(request: HttpRequest, message_id: int) -> HttpResponse:
    """Somebody has seen to what it asked for, with a reason."""
    message = selectors.inbound_message(user_of(request), message_id)
    services.settle(message.pk, reason=_reason(request), actor=actor_of(request), at=now())
    return go(request, reverse("hl7:inbound", args=[message.pk]), "Seen to.")


def _outcome(copy: InboundMessage) -> str:
    return f"Replayed as message {copy.pk}: {copy.get_state_display().lower()}."


@require_POST
@page(Can.MEND_MESSAGES)
def resend_message(request: HttpRequest, message_id: int) -> HttpResponse:
    """Queue it again, with a reason."""
    message = selectors.outbound_message(user_of(request), message_id)
    services.resend(message.pk, reason=_reason(request), actor=actor_of(request), at=now())
    return go(request, reverse("hl7:outbound", args=[message.pk]), "Queued again.")


@require_POST
@page(Can.MEND_MESSAGES)
def skip_message(request: HttpRequest, message_id: int) -> HttpResponse:
    """Give it up, with a reason; its lane goes on."""
    message = selectors.outbound_message(user_of(request), message_id)
    services.skip(message.pk, reason=_reason(request), actor=actor_of(request), at=now())
    return go(request, reverse("hl7:outbound", args=[message.pk]), "Skipped. What waits behind it goes on.")


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:250]
