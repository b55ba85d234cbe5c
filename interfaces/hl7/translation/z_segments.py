"""Fields that a peer's settings read into attributes, such as those of its Z-segments."""

from __future__ import annotations

import re

from ris.kernel.errors import Invalid

from ..inbound.context import Incoming
from ..v2.parser import Segment

ATTRIBUTES = {
    "patient.alerts": "alerts of the patient, in the banner and on the scanner's list",
    "patient.allergies": "allergies, beside those of AL1",
    "order.clinical_info": "clinical information, after OBR-13",
    "order.comments": "comments, after the NTE",
    "result.expires_at": "the moment until which an AI result counts; of an OBX, that observation's own",
}
"""Attribute → what it is."""
_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})-([1-9]\d{0,2})(?:\.([1-9]\d?))?")


def checked(mapping: dict[str, str]) -> dict[str, str]:
    """The mapping, each place written ``ZPI-3`` or ``ZPI-3.2``. Raises Invalid."""
    for place, target in mapping.items():
        if not _PLACE.fullmatch(place):
            raise Invalid(f"{place[:20]} is no field: write ZPI-3, or ZPI-3.2 for a component.", at="attributes")
        if target not in ATTRIBUTES:
            raise Invalid(f"There is no attribute {target[:40]}: {', '.join(ATTRIBUTES)}.", at="attributes")
    return mapping


def values_of(incoming: Incoming, name: str, segments: list[Segment] | None = None) -> list[str]:
    """The values of the fields that the peer reads into attribute ``name``: of the message, or of these segments."""
    places = [place for place, target in incoming.peer.attributes.items() if target == name]
    found = []
    for place in places:
        parts = _PLACE.fullmatch(str(place))
        if parts is None:
            continue
        segment_name, field, component = parts[1], int(parts[2]), parts[3]
        named = incoming.message.all(segment_name) if segments is None else segments
        for segment in named:
            if segment.name == segment_name:
                whole = segment.text(field, int(component)) if component else segment.whole(field)
                found += [text for text in whole.split("\n") if text]
    return found
