"""Orders follow their patients: into a merge, and out of it again."""

from __future__ import annotations

from ris.kernel.events import subscribe, subscribe_in_transaction
from ris.patients.events import PatientsEvent, PatientsMerged, PatientsSeparated, VisitMoved, VisitsMerged
from ris.people.practitioners.events import PractitionerLinked

from .services.patient_moves import (
    list_placed_since,
    move_into_merge,
    move_orders_of_visit,
    move_orders_to_visit,
    move_out_of_merge,
)
from .services.referrers import follow_practitioner


@subscribe_in_transaction(PatientsMerged, PatientsSeparated)
def move_orders_at_once(event: PatientsEvent) -> None:
    """Give each order to the patient whose it is now, in the transaction of the merge.

    A scanner that asks a moment later must see the living patient with a number: the merge has moved the numbers.
    """
    if isinstance(event, PatientsSeparated):
        move_out_of_merge(event)
    elif isinstance(event, PatientsMerged):
        move_into_merge(event)


@subscribe(PatientsMerged, PatientsSeparated, name="orders.move_orders_with_patient")
def move_late_orders(event: PatientsEvent) -> None:
    """Move the orders that were being placed while the two were merged; after a separation list what came between.

    One subscriber for both events: the relay keeps the order of one subscriber's deliveries, so that a separation is
    never handled before its merge.
    """
    if isinstance(event, PatientsSeparated):
        move_out_of_merge(event)
        list_placed_since(event)
    elif isinstance(event, PatientsMerged):
        move_into_merge(event)


@subscribe_in_transaction(VisitMoved)
def move_visit_orders(event: VisitMoved) -> None:
    """Give the orders of a visit to the patient whose visit it is, in the transaction that moves it."""
    move_orders_of_visit(event)


@subscribe_in_transaction(VisitsMerged)
def give_orders_to_visit(event: VisitsMerged) -> None:
    """Give the orders of a visit that was merged to the one that remains, in the transaction of the merge."""
    move_orders_to_visit(event)


@subscribe_in_transaction(PractitionerLinked)
def give_orders_to_account(event: PractitionerLinked) -> None:
    """Make the account of an address-book entry the referrer of the entry's orders, earlier ones too."""
    follow_practitioner(event.practitioner_id, former_id=event.former_id)
