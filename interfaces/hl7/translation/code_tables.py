"""What a peer's values mean here, which of them no table knows, and which fields its settings read into attributes.

A peer's own lines come first, then those for all peers, then what is common.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Sequence
from datetime import datetime
from functools import lru_cache

from django.db.models import F, Q, QuerySet

from ris.kernel.errors import Invalid

from ..models import MapEntry, Peer, UnknownValue
from ..v2.parser import Segment

COMMON: dict[str, dict[str, str]] = {
    "priority": {
        "S": "STAT", "STAT": "STAT", "E": "STAT",
        "A": "HIGH", "ASAP": "HIGH", "P": "HIGH", "C": "HIGH", "U": "HIGH", "URGENT": "HIGH", "HIGH": "HIGH",
        "T": "MEDIUM", "MEDIUM": "MEDIUM",
        "R": "ROUTINE", "NORM": "ROUTINE", "N": "ROUTINE", "NORMAL": "ROUTINE", "ROUTINE": "ROUTINE", "LOW": "ROUTINE",
    },
    "sex": {"F": "F", "M": "M", "O": "O", "A": "O", "N": "O"},
    "modality": {
        "RUS": "US", "CUS": "US", "VUS": "US", "OUS": "US", "NMR": "MR", "MRI": "MR", "NMS": "NM", "XRC": "XA",
        "XR": "DX",
        "RAD": "", "RX": "", "IMG": "", "RADIOLOGY": "",
    },
}  # fmt: skip
"""Values that mean the same everywhere (HL7 tables 0485, 0001, 0074). An empty meaning: says nothing."""


@lru_cache(maxsize=256)
def _of(peer_id: int, version: int) -> Mapping:
    return Mapping(peer_id)


def mapping_of(peer: Peer) -> Mapping:
    """The tables that hold for the peer. Kept per version of the peer, which grows with every change of a table."""
    return _of(peer.pk, peer.version)


class Mapping:
    """The translation tables that hold for one peer."""

    def __init__(self, peer_id: int) -> None:
        self._tables: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
        ours = Q(peer=peer_id) | Q(peer=None)
        # The lines for all peers first: the peer's own overwrite them.
        for entry in MapEntry.objects.filter(ours).order_by(F("peer").asc(nulls_first=True)):
            self._tables[entry.table][entry.given.upper()] = (entry.meant, entry.text)

    def find(self, table: str, given: str) -> tuple[str, str] | None:
        """(meaning, its name) of a value; None when no line says anything about it."""
        entry = self._tables[table].get(given.upper())
        if entry is None and given.upper() in COMMON.get(table, {}):
            return COMMON[table][given.upper()], ""
        return entry

    def values(self, table: str) -> Container[str]:
        """Return the values, in upper case, to which the lines of a table give a meaning."""
        return self._tables[table]

    def meaning(self, table: str, given: str) -> str:
        """The meaning of a value; the value itself when no line says anything about it."""
        entry = self.find(table, given) if given else None
        return given if entry is None else entry[0]

    def station(self, *, code: str, location: str, modality: str) -> str:
        """The AE title of the rule that says most about this exam; empty when none fits."""
        facts = {"code": code.upper(), "location": location.upper(), "modality": modality.upper()}
        best, best_terms = "", 0
        for rule, (title, _) in self._tables["station"].items():
            terms = dict(part.strip().partition("=")[::2] for part in rule.split("&"))
            fits = all(facts.get(name.strip().lower()) == value.strip() for name, value in terms.items())
            # Of two rules of as many terms the first that was read stays.
            if fits and len(terms) > best_terms:
                best, best_terms = title, len(terms)
        return best


def write_unknown_values(peer: Peer, values: Sequence[tuple[str, str, str]], *, at: datetime) -> None:
    """Count the values (table, value as sent, its name) that the peer sent and its tables do not know."""
    for table, given, text in values:
        given = given[:199].upper()
        rows = UnknownValue.objects.filter(peer=peer, table=table, given=given)
        if not rows.update(times=F("times") + 1, last_at=at):
            row = UnknownValue(peer=peer, table=table, given=given, text=text[:199], first_at=at, last_at=at)
            UnknownValue.objects.bulk_create([row], ignore_conflicts=True)


def unknown_values_of(peer: Peer) -> QuerySet[UnknownValue]:
    """Return what the peer sent that nobody has mapped, the most frequent first."""
    return UnknownValue.objects.filter(peer=peer).order_by("-times", "table", "given")


def drop_unknown_value(peer_id: int | None, table: str, given: str) -> None:
    """Take a value off the list, since it is mapped now (``peer_id`` None: for all peers)."""
    whose = Q() if peer_id is None else Q(peer=peer_id)
    UnknownValue.objects.filter(whose, table=table, given=given.upper()).delete()


ATTRIBUTES = {
    "patient.alerts": "alerts of the patient, in the banner and on the scanner's list",
    "patient.allergies": "allergies, beside those of AL1",
    "order.clinical_info": "clinical information, after OBR-13",
    "order.comments": "comments, after the NTE",
    "result.expires_at": "the moment until which an AI result counts; of an OBX, that observation's own",
}
"""Attribute → what it is."""
PLACE = re.compile(r"([A-Z][A-Z0-9]{2})-([1-9]\d{0,2})(?:\.([1-9]\d?))?")
"""A field as settings name it: OBR-18, or ZOR-3.2 for a component."""


def check_attributes(mapping: dict[str, str]) -> dict[str, str]:
    """The mapping, each place written ``ZPI-3`` or ``ZPI-3.2``. Raises Invalid."""
    for place, target in mapping.items():
        if not PLACE.fullmatch(place):
            raise Invalid(f"{place[:20]} is no field: write ZPI-3, or ZPI-3.2 for a component.", at="attributes")
        if target not in ATTRIBUTES:
            raise Invalid(f"There is no attribute {target[:40]}: {', '.join(ATTRIBUTES)}.", at="attributes")
    return mapping


def values_of(peer: Peer, name: str, segments: Sequence[Segment]) -> list[str]:
    """Return the values in these segments of the fields that the peer's settings read into attribute ``name``."""
    values: list[str] = []
    for place in (place for place, target in peer.attributes.items() if target == name):
        parts = PLACE.fullmatch(str(place))
        if parts is None:
            continue
        field, component = int(parts[2]), parts[3]
        for segment in segments:
            if segment.name == parts[1]:
                text = segment.text(field, int(component)) if component else segment.whole(field)
                values += [line for line in text.split("\n") if line]
    return values
