"""SIU^S12–S15, S17: appointments made in another system (IHE RAD-48)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ris.kernel.errors import Invalid
from ris.kernel.values.numbers import number_or_none

from ..v2.parser import Segment
from .context import Incoming
from .orders import projection
from .orders.history import speak, trail_of
from .orders.projection import Words
from .orders.segments import said
from .patients import resolve
from .visits import visit_of

CALLED_OFF = frozenset({"S15", "S17"})
MOST_OFFSET = 7 * 24 * 60
"""Minutes; a service of one appointment does not begin later than that after it."""


def take_appointment(incoming: Incoming) -> str:
    """Move the steps of the order that SCH names to the time and place said; a cancelled one lets the order wait."""
    sch = incoming.message.first("SCH")
    if sch is None:
        raise Invalid("An appointment message needs SCH.", at="SCH", code="100")
    patient = resolve(incoming, authoritative=False)
    visit = visit_of(incoming, patient)
    placer, filler = sch.text(26), sch.text(27)
    if not placer and not filler:
        raise Invalid("Say which order it is for: SCH-26 or SCH-27.", at="SCH-26", code="required")
    called_off = incoming.header.event in CALLED_OFF
    utterance: Words = {
        "rank": list(incoming.rank),
        "verb": projection.UNBOOK if called_off else projection.BOOK,
        "placer": placer,
        "status": "",
        "progress": "",
        "reason": sch.whole(6)[:250] if called_off else "",
        "order": {},
        "procedures": [] if called_off else _booked(sch, incoming),
        "full": False,
    }
    trail = trail_of(
        incoming,
        authority=sch.text(26, 2)[:64] or incoming.peer.name,
        placer=placer[:64],
        filler=filler[:64],
        accession="",
    )
    incoming.placer_number = placer
    speak(trail, utterance, patient=patient, visit=visit, incoming=incoming)
    return "" if incoming.effects else "It says nothing new."


def _booked(sch: Segment, incoming: Incoming) -> list[Words]:
    """A procedure for each AIS, with when and where; SCH-11 where AIS says no time."""
    locations = [ail.text(3) or ail.text(3, 4) for ail in incoming.message.all("AIL")]
    services = incoming.message.all("AIS")
    procedures = []
    for number, ais in enumerate(services):
        start = incoming.moment(ais, 4) or incoming.moment(sch, 11, 4)
        start = _later(start, ais, incoming)
        location = locations[number] if number < len(locations) else next(iter(locations), "")
        code = [ais.text(3), ais.text(3, 2), ais.text(3, 3)]
        step = said(start=start.astimezone(UTC).isoformat() if start else "", location=location[:64])
        procedures.append(said(code=code if code[0] else []) | {"steps": [step] if step else []})
    if not procedures:
        start = incoming.moment(sch, 11, 4)
        procedures = [{"steps": [{"start": start.astimezone(UTC).isoformat()}]}] if start else []
    return procedures


def _later(start: datetime | None, ais: Segment, incoming: Incoming) -> datetime | None:
    """``start`` and the offset of AIS-5, minutes; an unreadable one is warned about and counts as not said."""
    offset = number_or_none(ais.text(5), most=MOST_OFFSET)
    if ais.text(5) and offset is None:
        incoming.warn(f"{ais.place(5)} is not a number of minutes; ignored.")
    return start + timedelta(minutes=offset) if start and offset else start
