"""SIU^S12–S15, S17: appointments made in another system (IHE RAD-48)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ris.kernel.errors import Invalid
from ris.kernel.values.numbers import number_or_none
from ris.orders.intents import Code

from ..v2.parser import Segment
from .context import Incoming
from .orders.history import OrderKeys, add_to_history, trail_of
from .orders.statements import BOOK, UNBOOK, Procedure, Statement, Step
from .patients import resolve
from .visits import visit_of

CALLED_OFF = frozenset({"S15", "S17"})
MOST_OFFSET = 7 * 24 * 60
"""Minutes; a service of one appointment does not begin later than that after it."""


def apply_appointment(incoming: Incoming) -> str:
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
    statement = Statement(
        rank=incoming.rank,
        verb=UNBOOK if called_off else BOOK,
        placer=placer,
        reason=sch.whole(6)[:250] if called_off else "",
        procedures=() if called_off else tuple(_booked(sch, incoming)),
    )
    keys = OrderKeys(sch.text(26, 2)[:64] or incoming.peer.name, placer=placer[:64], filler=filler[:64])
    trail = trail_of(incoming, keys)
    incoming.placer_number = placer
    add_to_history(trail, statement, patient=patient, visit=visit, incoming=incoming)
    return "" if incoming.effects else "It says nothing new."


def _booked(sch: Segment, incoming: Incoming) -> list[Procedure]:
    """A procedure for each AIS, with when and where; SCH-11 where AIS says no time."""
    locations = [ail.text(3) or ail.text(3, 4) for ail in incoming.message.all("AIL")]
    services = incoming.message.all("AIS")
    procedures = []
    for number, ais in enumerate(services):
        start = incoming.moment(ais, 4) or incoming.moment(sch, 11, 4)
        start = _later(start, ais, incoming)
        location = locations[number] if number < len(locations) else next(iter(locations), "")
        code = Code(ais.text(3), ais.text(3, 2), ais.text(3, 3))
        step = Step(start=start.astimezone(UTC) if start else None, location=location[:64])
        steps = (step,) if step != Step() else ()
        procedures.append(Procedure(code=code if code.value else None, steps=steps))
    if not procedures:
        start = incoming.moment(sch, 11, 4)
        procedures = [Procedure(steps=(Step(start=start.astimezone(UTC)),))] if start else []
    return procedures


def _later(start: datetime | None, ais: Segment, incoming: Incoming) -> datetime | None:
    """``start`` and the offset of AIS-5, minutes; an unreadable one is warned about and counts as not said."""
    offset = number_or_none(ais.text(5), most=MOST_OFFSET)
    if ais.text(5) and offset is None:
        incoming.warn(f"{ais.place(5)} is not a number of minutes; ignored.")
    return start + timedelta(minutes=offset) if start and offset else start
