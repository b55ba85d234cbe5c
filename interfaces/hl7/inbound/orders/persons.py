"""People in an order (XCN): who ordered it (ORC-12, OBR-16, PV1-8), and who gets copies (OBR-28)."""

from __future__ import annotations

from interfaces.hl7.v2.parser import Repeat, Segment
from ris.orders.intents import Person, PersonNumber, Recipient

_MOST_NUMBERS = 10


def read_provider(segment: Segment | None, number: int) -> list[str]:
    """Return the 13 components of the first person of a field who has an identifier or a name; none for nobody."""
    for repeat in segment.repeats(number) if segment else []:
        parts = repeat.components(13)
        if parts[0] or parts[1]:
            return parts
    return []


def name_of(person: list[str]) -> str:
    """Return XCN.2 and .3 as ``FAMILY^GIVEN``; empty for nobody."""
    return "^".join(person[1:3]).strip("^")[:194]


def read_recipient(repeat: Repeat) -> Recipient:
    """Return one person of OBR-28."""
    parts = repeat.components(13)
    kind = parts[12][:8] if parts[8] else ""  # the type stands in for an authority where none is said
    return Recipient(parts[0][:64], name_of(parts), (parts[8] or parts[12])[:64], kind)


def read_referrer(orc: Segment | None, obr: Segment | None, pv1: Segment | None) -> Person | None:
    """Return who ordered, with every number that came: ORC-12 and OBR-16, which name one person; else PV1-8.

    A further repetition under another name is another person, and left out.
    """
    ordering = [*_repeats(orc, 12), *_repeats(obr, 16)]
    name, numbers = "", list[PersonNumber]()
    for repeat in ordering or _repeats(pv1, 8):
        parts = repeat.components(13)
        said = name_of(parts)
        if name and said and said.upper() != name.upper():
            continue
        name = name or said
        if parts[0]:
            numbers.append(_number(repeat, parts))
    if not name and not numbers:
        return None
    # ORC-12 and OBR-16 often repeat one number, in one of them without its authority.
    vouched = {n.number for n in numbers if n.namespace or n.universal_id or n.kind}
    numbers = [n for n in numbers if n.number not in vouched or n.namespace or n.universal_id or n.kind]
    return Person(name, tuple(dict.fromkeys(numbers))[:_MOST_NUMBERS])


def _repeats(segment: Segment | None, number: int) -> list[Repeat]:
    return [repeat for repeat in segment.repeats(number) if repeat.text(1) or repeat.text(2)] if segment else []


def _number(repeat: Repeat, parts: list[str]) -> PersonNumber:
    namespace, universal_id, id_type = repeat.subs(9, 3)
    return PersonNumber(parts[0][:64], namespace[:64], universal_id[:199], id_type[:6], parts[12][:8])
