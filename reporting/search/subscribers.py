"""The searched row follows each release of a report."""

from __future__ import annotations

from ris.kernel.events import subscribe

from ..events import AddendumAdded, PreliminaryReleased, ReportCorrected, ReportEvent, ReportRetracted, ReportSigned
from .index import index_report


@subscribe(
    PreliminaryReleased, ReportSigned, AddendumAdded, ReportCorrected, ReportRetracted, name="reporting.index_report"
)
def index_released(event: ReportEvent) -> None:
    """Index what holds now, whichever version the event is of: a later one may be there already."""
    index_report(event.report_id)
