"""Values follow each release of a report."""

from __future__ import annotations

from ris.kernel.events import subscribe

from ..events import PreliminaryReleased, ReportCorrected, ReportEvent, ReportSigned
from .services import keep_values


@subscribe(PreliminaryReleased, ReportSigned, ReportCorrected, name="reporting.keep_values")
def keep_released_values(event: ReportEvent) -> None:
    """Read the values of the released version from its text."""
    keep_values(event.version_id)
