"""Second step of a queued message: its PDF is rendered, and it is validated; what does not validate is held.

The first step (``queue``) is a part of the event's transaction and holds locks; rendering and validation take up to
a tenth of a second, so they are done here, before the message is sent, by whoever needs it.

Every receiver needs the order of segments and the fields that must not be empty (STRUCTURES, REQUIRED). Lengths of
values are not looked at: a receiver that has limits says so in a conformance profile of the destination.
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

log = structlog.get_logger(__name__)

INVALID_ALARM = "hl7-message-invalid"
MOST_AT_ONCE = 200
"""Messages that one sweep prepares: some seconds of work, so that other tasks have their turn."""

STRUCTURES = {
    "ORU_R01": r"MSH PID( PV1)?( ORC)? OBR( NTE)*( OBX( NTE)*)+",
    "ORM_O01": r"MSH PID PV1( AL1)*( ORC OBR( NTE)*( DG1)*( OBX)*| ZDS)+",
    "OMI_O23": r"MSH PID PV1( AL1)*( ORC( TQ1)* OBR( NTE)*( DG1)*( OBX)*( IPC)+)+",
    "SIU_S12": r"MSH SCH( NTE)* PID PV1( DG1)*( RGS( AIS( NTE)*)*( AIG)*( AIL)*( AIP)*)+",
    "DFT_P03": r"MSH EVN PID PV1( FT1( PR1)*)+( DG1)*",
    "ADT_A01": r"MSH EVN PID PV1( AL1)*",
    "ADT_A37": r"MSH EVN PID PV1 PID( PV1)?",
    "ADT_A39": r"MSH EVN PID MRG( PV1)?",
}
"""Message structure → its segments as we write them, a part of what HL7 allows (chapters 3, 4, 6, 7, 10)."""

REQUIRED = {
    "MSH": (3, 5, 7, 9, 10, 11, 12),
    "EVN": (1, 2),
    "PID": (3, 5),
    "MRG": (1,),
    "PV1": (2,),
    "ORC": (1, 3),
    "OBR": (3, 4),
    "OBX": (2, 3, 11),
    "NTE": (3,),
    "TQ1": (7,),
    "IPC": (1, 2, 3, 4, 5),
    "ZDS": (1,),
    "SCH": (6,),
    "RGS": (1,),
    "AIS": (1, 3),
    "AIG": (1, 3),
    "AIL": (1, 3),
    "AIP": (1, 3),
    "FT1": (4, 6, 7),
    "PR1": (1, 3, 5),
}
"""Segment → its fields without which a receiver cannot use it."""

_PDF_PLACE = re.compile(r"(\rOBX\|\d+\|ED\|[^|\r]*\|[^|\r]*\|\^application\^pdf\^Base64)(?=[|\r])")
"""An OBX for the PDF, its data still missing. No text can look like it: delimiters in texts are escaped."""


def prepare_message(message: OutboundMessage, *, at: datetime) -> OutboundMessage:
    """The message as it is to be sent, or held as invalid with an alarm; unchanged if it was prepared before.

    Slow work is done outside of a transaction; of two who prepare the same message, one writes it.
    """
    if message.prepared_at is not None or message.state != states.QUEUED:
        return message
    # “replace” keeps a message that was queued before the destination's character set was changed from failing here.
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
    # What the receiver itself asks for goes before any general rule.
    own = destination.profiles.filter(structure=structure).first()
    if own is not None:
        return why_invalid(text, read_profile(own.xml).reference)
    if destination.options.get("validation") == "strict":
        return why_invalid(text)
    return find_structure_fault(text, structure)


def _add_pdf(text: str, message: OutboundMessage) -> str:
    if message.report_version is None or not _PDF_PLACE.search(text):
        return text
    # One line without breaks: a CR in a field would end the segment (2.7.5).
    data = b64encode(render_pdf(message.report_version)).decode("ascii")
    return _PDF_PLACE.sub(lambda place: f"{place.group(1)}^{data}", text)


def _structure_of(text: str) -> str:
    """MSH-9.3, or what MSH-9.1 and .2 imply: such as ``ORU_R01``."""
    kind, event, structure = [*text.split("|", 9)[8].split("^"), "", "", ""][:3]
    return structure or f"{kind}_{event}"


def find_structure_fault(text: str, structure: str) -> str:
    """The first thing that is wrong with the message ``text`` of the structure, naming the place; empty: nothing."""
    lines = [line.split("|") for line in text.split("\r") if line]
    names = [line[0] for line in lines]
    expected = STRUCTURES.get(structure)
    if expected is None:
        return f"MSH-9: the structure {structure[:20]} is not written here."
    if not re.fullmatch(expected, " ".join(names)):
        return f"The segments are not those of {structure}: {' '.join(_runs(names))[:180]}."
    counts: dict[str, int] = {}
    for name, *fields in lines:
        counts[name] = counts.get(name, 0) + 1
        if name == "MSH":
            fields = ["|", *fields]  # MSH-1 is the separator itself
        for number in REQUIRED.get(name, ()):
            if len(fields) < number or not fields[number - 1]:
                place = name if counts[name] == 1 else f"{name}[{counts[name]}]"
                return f"{place}-{number} is empty; a receiver needs it."
    return ""


def _runs(names: list[str]) -> list[str]:
    """``OBX OBX OBX`` as one ``OBX``, so that the fault stays short."""
    return [name for n, name in enumerate(names) if n == 0 or names[n - 1] != name]
