"""What a peer's values mean here: its own lines first, then those for all peers, then what is common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from functools import lru_cache

from django.db.models import F, Q

from ..models import MapEntry, Peer

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
        for entry in MapEntry.objects.filter(ours).order_by(F("peer").asc(nulls_first=True)):
            self._tables[entry.table][entry.given.upper()] = (entry.meant, entry.text)

    def find(self, table: str, given: str) -> tuple[str, str] | None:
        """(meaning, its name) of a value; None when no line says anything about it."""
        found = self._tables[table].get(given.upper())
        if found is None and given.upper() in COMMON.get(table, {}):
            return COMMON[table][given.upper()], ""
        return found

    def values(self, table: str) -> Container[str]:
        """Return the values, in upper case, to which the lines of a table give a meaning."""
        return self._tables[table]

    def meaning(self, table: str, given: str) -> str:
        """The meaning of a value; the value itself when no line says anything about it."""
        found = self.find(table, given) if given else None
        return given if found is None else found[0]

    def station(self, *, code: str, location: str, modality: str) -> str:
        """The AE title of the rule that says most about this exam; empty when none fits."""
        facts = {"code": code.upper(), "location": location.upper(), "modality": modality.upper()}
        best, best_terms = "", 0
        for rule, (title, _) in self._tables["station"].items():
            terms = dict(part.strip().partition("=")[::2] for part in rule.split("&"))
            fits = all(facts.get(name.strip().lower()) == value.strip() for name, value in terms.items())
            if fits and len(terms) > best_terms:
                best, best_terms = title, len(terms)
        return best
