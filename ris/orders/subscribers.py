"""Orders follow their patients: into a merge, and out of it again."""

from __future__ import annotations

from ris.kernel.events import subscribe
from ris.patients.events import PatientsEvent, PatientsMerged, PatientsSeparated

from .services.patient_moves import move_into_merge, move_out_of_merge


@subscribe(PatientsMerged, PatientsSeparated, name="orders.move_orders_with_patient")
def move_orders(event: PatientsEvent) -> None:
    """Give each order to the patient whose it is now.

    One subscriber for both events: the relay keeps the order of one subscriber's deliveries, so that a
    separation is never handled before its merge.
    """
    if isinstance(event, PatientsSeparated):
        move_out_of_merge(event)
    elif isinstance(event, PatientsMerged):
        move_into_merge(event)
