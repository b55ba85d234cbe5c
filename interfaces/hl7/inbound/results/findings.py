"""Findings of an algorithm: OBX of one sub-id (OBX-4) make one finding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ris.kernel.errors import Invalid

from ...translation.code_tables import values_of
from ...v2.datatypes import parse_moment
from ...v2.parser import Segment
from ..context import Incoming
from ..orders.groups import Request
from ..orders.procedure_segments import STUDY_UID_CODES
from .texts import WITHDRAWN

POSITIVE = frozenset({"A", "AA", "H", "HH", "L", "LL", "POS", "ABN"})
"""OBX-8: abnormal."""
YES = frozenset({"Y", "YES", "T", "TRUE", "1", "POS", "POSITIVE", "PRESENT", "DETECTED", "10828004", "52101004"})
"""OBX-5 of a coded finding that is there (the last two: SNOMED CT positive, present)."""
NO = frozenset({"N", "NO", "F", "FALSE", "0", "NEG", "NEGATIVE", "ABSENT", "NOT DETECTED", "260385009", "2667000"})
"""OBX-5 of a coded finding that is not there (the last two: SNOMED CT negative, absent)."""
_CODED = frozenset({"CE", "CWE", "CNE", "CF", "ID", "IS"})
# Beginnings of coding systems (OBX-3.3) of findings in images; 99: local codes.
_AI_SYSTEMS = ("AI", "RADELEMENT", "RADLEX", "99")


@dataclass(slots=True)
class Finding:
    """One finding: is it there, how sure is that, and since when. Times are aware."""

    vendor: str
    result_at: datetime
    code: str = ""
    positive: bool = False
    score: float | None = None
    expires_at: datetime | None = None
    withdrawn: bool = False

    def to_json(self) -> dict[str, Any]:
        """For a JSON column."""
        expires_at = self.expires_at.isoformat() if self.expires_at else None
        return {
            "vendor": self.vendor, "result_at": self.result_at.isoformat(), "code": self.code,
            "positive": self.positive, "score": self.score, "expires_at": expires_at, "withdrawn": self.withdrawn,
        }  # fmt: skip

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Finding:
        """Read it back; rows of earlier versions lack ``withdrawn``."""
        expires_at = datetime.fromisoformat(kept["expires_at"]) if kept.get("expires_at") else None
        return cls(
            kept["vendor"], datetime.fromisoformat(kept["result_at"]), kept.get("code", ""), kept["positive"],
            kept.get("score"), expires_at, kept.get("withdrawn", False),
        )  # fmt: skip


def read_findings(request: Request, incoming: Incoming) -> list[Finding]:
    """The findings of one OBR: a coded observation says whether it is there, a numeric one how sure that is."""
    by_group: dict[str, Finding] = {}
    for obx in request.observations:
        if obx.text(3) in STUDY_UID_CODES or not (obx.has(5) or obx.text(11).upper() in WITHDRAWN):
            continue
        moment = incoming.moment(obx, 14) or (incoming.moment(request.obr, 22) if request.obr else None)
        result_at = min(moment or incoming.message_at, incoming.at)
        finding = by_group.setdefault(obx.text(4) or obx.text(3), Finding(incoming.peer.name, result_at))
        finding.result_at = result_at
        finding.expires_at = _expiry(obx, incoming) or finding.expires_at
        finding.withdrawn = finding.withdrawn or obx.text(11).upper() in WITHDRAWN
        if obx.text(2) == "NM":
            finding.score = _number(obx) if obx.text(5) else finding.score
            finding.code = finding.code or obx.text(3)[:40]
        else:
            finding.code = obx.text(3)[:40]
        if obx.text(8).upper() in POSITIVE or (obx.text(2) != "NM" and obx.text(5).upper() in YES):
            finding.positive = True
    return list(by_group.values())


def _expiry(obx: Segment, incoming: Incoming) -> datetime | None:
    """Until when the result counts, where the sender's settings read a field of it, or of a Z-segment, as that."""
    others = [segment for segment in incoming.message.segments if segment.name != "OBX"]
    for text in values_of(incoming.peer, "result.expires_at", [obx, *others]):
        moment = parse_moment(text, incoming.zone)
        if moment is not None:
            return moment
        incoming.warn("The expiry of a result is not a time; ours counts.")
    return None


def _number(obx: Segment) -> float:
    try:
        return float(obx.text(5))
    except ValueError:
        raise Invalid("This is not a number.", at=obx.place(5), code="data-type") from None


def is_finding(obx: Segment) -> bool:
    """Whether a coded observation says that something is there or not, in a code that no laboratory uses."""
    if obx.text(2) not in _CODED:
        return False
    system = obx.text(3, 3).upper()
    if system and not system.startswith(_AI_SYSTEMS) and not obx.text(3).upper().startswith("RDE"):
        return False
    return obx.text(5).upper() in YES | NO or obx.text(5, 2).upper() in YES | NO
