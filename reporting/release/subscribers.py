"""The release to patients follows each release of a report, and its retraction."""

from __future__ import annotations

from ris.kernel.events import subscribe

from ..events import AddendumAdded, PreliminaryReleased, ReportCorrected, ReportEvent, ReportRetracted, ReportSigned
from .services import decide, withdraw


@subscribe(PreliminaryReleased, ReportSigned, AddendumAdded, ReportCorrected, name="reporting.patient_release")
def decide_about_version(event: ReportEvent) -> None:
    """Decide when the patient sees the released version."""
    decide(event.version_id, at=event.at)


@subscribe(ReportRetracted, name="reporting.patient_withdrawal")
def withdraw_retracted(event: ReportEvent) -> None:
    """Take a retracted report from the patient."""
    withdraw(event.version_id, at=event.at)
