"""Second step of a queued message: its PDF is rendered, and it is validated; what does not validate is held.

The first step (``queue``) is a part of the event's transaction and holds locks; rendering and validation take up to
a tenth of a second, so they are done here, before the message is sent, by whoever needs it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime

import structlog
from django.db import transaction

from reporting.rendering.pdf import render_pdf
from ris.kernel.alarms import raise_alarm
from ris.kernel.errors import Conflict

from .. import states
from ..models import Destination, OutboundMessage
from ..v2.encoding import codec_named
from ..v2.profiles import read_profile
from ..v2.validation import why_invalid
from .structure import find_structure_fault

log = structlog.get_logger(__name__)

INVALID_ALARM = "hl7-message-invalid"
MOST_AT_ONCE = 200
"""Messages that one sweep prepares: some seconds of work, so that other tasks have their turn."""

_PDF_PLACE = re.compile(r"(\rOBX\|\d+\|ED\|[^|\r]*\|[^|\r]*\|\^application\^pdf\^Base64)(?=[|\r])")
"""An OBX for the PDF, its data still missing. No text can look like it: delimiters in texts are escaped."""


def prepare_message(message: OutboundMessage, *, at: datetime) -> OutboundMessage:
    """The message as it is to be sent, or held as invalid with an alarm; unchanged if it was prepared before.

    Slow work is done outside of a transaction; of two who prepare the same message, one writes it.
    """
    if message.prepared_at is not None or message.state != states.QUEUED:
        return message
    codec = codec_named(message.destination.charset) or "utf-8"
    text = bytes(message.raw).decode(codec, "replace")
    raw = bytes(message.raw)
    try:
        fault = find_fault(message.destination, text)
        raw = raw if fault else _add_pdf(text, message).encode(codec, "replace")
    except Exception as error:  # of whatever kind: it holds this lane and must not hold the others
        log.exception("hl7.message-not-prepared", message=message.pk)
        fault = f"It could not be prepared ({type(error).__name__}); see the log."
    with transaction.atomic():
        if not fault:
            waiting = OutboundMessage.objects.filter(pk=message.pk, state=states.QUEUED, prepared_at=None)
            waiting.update(raw=raw, prepared_at=at)
        else:
            _hold(message, fault, at)
    return OutboundMessage.objects.select_related("destination").get(pk=message.pk)


def _hold(message: OutboundMessage, fault: str, at: datetime) -> None:
    try:
        OutboundMessage.objects.filter(prepared_at=None).take(
            states.HOLD_INVALID, message.pk, error=fault[:250], prepared_at=at
        )
    except Conflict:
        return  # another worker was first, or a person skipped it
    log.warning("hl7.message-invalid", message=message.pk)
    detail = f"Message {message.pk}: {fault}"[:250]
    raise_alarm(INVALID_ALARM, alarm_subject(message.destination, message), detail=detail, at=at)


def alarm_subject(destination: Destination, message: OutboundMessage) -> str:
    """Whose alarm it is: one lane of one destination."""
    return f"{destination.name} {message.lane}"[:160]


def prepare_waiting(*, except_for: Iterable[int] = (), at: datetime) -> int:
    """Prepare what waits for destinations other than these, so that a fault shows before the peer is back; how many."""
    waiting = OutboundMessage.objects.filter(state=states.QUEUED, prepared_at=None)
    waiting = waiting.exclude(destination__in=list(except_for)).select_related("destination")
    rows = list(waiting.order_by("pk")[:MOST_AT_ONCE])
    for row in rows:
        prepare_message(row, at=at)
    return len(rows)


def find_fault(destination: Destination, text: str) -> str:
    """What is wrong with a message: by the destination's own profile, else by its version's structure if the
    destination is set to ``strict``, else by what every receiver needs. Empty: nothing."""
    structure = _structure_of(text)
    own = destination.profiles.filter(structure=structure).first()
    if own is not None:
        return why_invalid(text, read_profile(own.xml).reference)
    if destination.options.get("validation") == "strict":
        return why_invalid(text)
    return find_structure_fault(text, structure)


def _add_pdf(text: str, message: OutboundMessage) -> str:
    if message.report_version is None or not _PDF_PLACE.search(text):
        return text
    data = b64encode(render_pdf(message.report_version)).decode("ascii")
    return _PDF_PLACE.sub(lambda place: f"{place.group(1)}^{data}", text)


def _structure_of(text: str) -> str:
    """MSH-9.3, or what MSH-9.1 and .2 imply: such as ``ORU_R01``."""
    kind, event, structure = [*text.split("|", 9)[8].split("^"), "", "", ""][:3]
    return structure or f"{kind}_{event}"
