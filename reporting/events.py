"""What happens to reports. ``stream`` is the accession number."""

from __future__ import annotations

from dataclasses import dataclass

from ris.kernel.events import Event


@dataclass(frozen=True, kw_only=True)
class ReportEvent(Event):
    """A version of a report was released; read it by ``version_id``."""

    report_id: int
    version_id: int
    procedure_id: int
    order_id: int


@dataclass(frozen=True, kw_only=True)
class PreliminaryReleased(ReportEvent):
    """A resident's (or early) version, not yet signed by a radiologist."""


@dataclass(frozen=True, kw_only=True)
class ReportSigned(ReportEvent):
    """The final version."""


@dataclass(frozen=True, kw_only=True)
class AddendumAdded(ReportEvent):
    """Something was added to a final report, whose text stays as it was."""


@dataclass(frozen=True, kw_only=True)
class ReportRetracted(ReportEvent):
    """A whole report was taken back; nothing of it holds."""


@dataclass(frozen=True, kw_only=True)
class ReportCorrected(ReportEvent):
    """A corrected text took the place of a final one, which stays as an earlier version."""
