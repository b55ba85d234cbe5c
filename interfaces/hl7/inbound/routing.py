"""Which message is applied by which handler. Adding a message type: one handler, one line here, one fixture."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..models import Peer
from ..v2.acknowledgment import Fault
from ..v2.header import Header
from ..v2.parser import Message
from .adt import change_identifiers, merge, patient_arrived, write_patient
from .adt_moves import (
    change_visit_number,
    link,
    merge_accounts,
    move_numbers,
    move_visits,
    separate,
    write_allergies,
)
from .appointments import apply_appointment
from .context import Incoming
from .orders.handler import apply_orders
from .results.document_handler import apply_document
from .results.result_handler import apply_results

Handler = Callable[[Incoming], str]
"""Applies a message. Returns why it was ignored; empty when it was applied."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that is applied: by what, which segments it must have, and a line for the conformance statement."""

    handler: Handler
    needs: tuple[str, ...]
    meaning: str


MESSAGES: dict[str, Entry] = {
    "ADT^A01": Entry(write_patient, ("PID",), "Patient admitted"),
    "ADT^A02": Entry(write_patient, ("PID",), "Patient transferred"),
    "ADT^A03": Entry(write_patient, ("PID",), "Patient discharged"),
    "ADT^A04": Entry(write_patient, ("PID",), "Outpatient registered"),
    "ADT^A05": Entry(write_patient, ("PID",), "Patient pre-admitted"),
    "ADT^A06": Entry(write_patient, ("PID",), "Outpatient becomes inpatient"),
    "ADT^A07": Entry(write_patient, ("PID",), "Inpatient becomes outpatient"),
    "ADT^A08": Entry(write_patient, ("PID",), "Patient information updated"),
    "ADT^A10": Entry(patient_arrived, ("PID",), "Patient arrived; planned steps arrive with them"),
    "ADT^A11": Entry(write_patient, ("PID",), "Admission cancelled"),
    "ADT^A12": Entry(write_patient, ("PID",), "Transfer cancelled"),
    "ADT^A13": Entry(write_patient, ("PID",), "Discharge cancelled"),
    "ADT^A14": Entry(write_patient, ("PID",), "Admission pending"),
    "ADT^A16": Entry(write_patient, ("PID",), "Discharge pending: the cases of the visit are read sooner"),
    "ADT^A18": Entry(merge, ("PID", "MRG"), "Patients merged (before 2.3.1)"),
    "ADT^A24": Entry(link, ("PID",), "Two numbers of one patient, both stay in use; other people stay two"),
    "ADT^A25": Entry(write_patient, ("PID",), "Pending discharge cancelled"),
    "ADT^A27": Entry(write_patient, ("PID",), "Pending admission cancelled"),
    "ADT^A28": Entry(write_patient, ("PID",), "Person added"),
    "ADT^A31": Entry(write_patient, ("PID",), "Person updated"),
    "ADT^A34": Entry(merge, ("PID", "MRG"), "Patients merged (before 2.3.1)"),
    "ADT^A36": Entry(merge, ("PID", "MRG"), "Patients merged (before 2.3.1)"),
    "ADT^A37": Entry(separate, ("PID",), "Patients separated who had been merged"),
    "ADT^A38": Entry(write_patient, ("PID",), "Pre-admission cancelled"),
    "ADT^A40": Entry(merge, ("PID", "MRG"), "Patients merged"),
    "ADT^A41": Entry(merge_accounts, ("PID", "MRG"), "Accounts of one patient merged, with their orders"),
    "ADT^A43": Entry(move_numbers, ("PID", "MRG"), "Patient's identifiers moved to another patient"),
    "ADT^A44": Entry(move_visits, ("PID", "MRG"), "Account moved to another patient, with its orders"),
    "ADT^A45": Entry(move_visits, ("PID", "MRG"), "Visit moved to another patient, with its orders"),
    "ADT^A47": Entry(change_identifiers, ("PID", "MRG"), "Patient's identifiers changed"),
    "ADT^A49": Entry(change_visit_number, ("PID", "MRG"), "Account number changed"),
    "ADT^A50": Entry(change_visit_number, ("PID", "MRG"), "Visit number changed"),
    "ADT^A60": Entry(write_allergies, ("PID",), "Allergies updated"),
    "ORM^O01": Entry(apply_orders, (), "Orders (IHE RAD-2; RAD-4 and RAD-13 from an upstream scheduler)"),
    "OMG^O19": Entry(apply_orders, (), "Orders, 2.5.1 (IHE RAD-2)"),
    "OMI^O23": Entry(apply_orders, (), "Imaging orders, 2.5.1 (IHE RAD-4, RAD-13)"),
    "SIU^S12": Entry(apply_appointment, ("SCH", "PID"), "Appointment made"),
    "SIU^S13": Entry(apply_appointment, ("SCH", "PID"), "Appointment moved"),
    "SIU^S14": Entry(apply_appointment, ("SCH", "PID"), "Appointment changed"),
    "SIU^S15": Entry(apply_appointment, ("SCH", "PID"), "Appointment cancelled; the order waits"),
    "SIU^S16": Entry(apply_appointment, ("SCH", "PID"), "Appointment discontinued; the order waits"),
    "SIU^S17": Entry(apply_appointment, ("SCH", "PID"), "Appointment deleted; the order waits"),
    "SIU^S26": Entry(apply_appointment, ("SCH", "PID"), "Patient did not come; the order waits"),
    "MDM^T02": Entry(apply_document, ("PID", "TXA"), "Document of another system, kept with its exam or patient"),
    "MDM^T08": Entry(apply_document, ("PID", "TXA"), "Document edited: the new text takes its place"),
    "MDM^T10": Entry(apply_document, ("PID", "TXA"), "Document replaced by another (TXA-13)"),
    "MDM^T11": Entry(apply_document, ("PID", "TXA"), "Document cancelled: it is withdrawn"),
    "ORU^R01": Entry(
        apply_results,
        (),
        "Images available (IHE RAD-132), AI findings, dictated reports, reports made elsewhere, exam status",
    ),
}
"""MSH-9 → entry."""

# fmt: off
VERSIONS = frozenset([
    "2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2", "2.9", "2.9.1",
])
# fmt: on
PROCESSING_IDS = frozenset({"", "P", "T", "D"})
ORDER_SEGMENTS = frozenset({"ORC", "OBR"})
# Events of table 0003 that an EMR's feed has beside those that are applied here.
_EVENTS = {
    "ADT": re.compile(r"A(0[1-9]|[1-5]\d|6[0-2])"),
    "MDM": re.compile(r"T(0[1-9]|1[01])"),
    "SIU": re.compile(r"S(1[2-9]|2[0-6])"),
}


def find_entry(header: Header, message: Message, peer: Peer) -> Entry | Fault | str:
    """Return who applies the message; a Fault when nobody does; a sentence when it is to be ignored."""
    if not header.kind:
        return Fault("101", "MSH-9", "The message type is missing.")
    if header.version and header.version not in VERSIONS:
        return Fault("203", "MSH-12", "HL7 versions 2.1 to 2.9 are taken.")
    if header.processing_id not in PROCESSING_IDS:
        return Fault("202", "MSH-11", "The processing id is one of P, T, D.")
    # After version and processing id: what is malformed is refused even where it would be ignored.
    if header.type in peer.ignored_events:
        return f"{header.type} of this sender is ignored, as its settings say."
    entry = MESSAGES.get(header.type)
    if entry is None:
        return _unknown(header, peer)
    if not header.control_id:
        return Fault("101", "MSH-10", "The message control id is missing.")
    missing = next((name for name in entry.needs if message.first(name) is None), None)
    if missing:
        return Fault("100", missing, f"A {header.type} message needs {missing}.")
    return entry


def _unknown(header: Header, peer: Peer) -> Fault | str:
    if not any(key.startswith(f"{header.kind}^") for key in MESSAGES):
        return Fault("200", "MSH-9.1", f"Messages of type {header.kind[:8]} are not taken.")
    pattern = _EVENTS.get(header.kind)
    if peer.other_events == "ignore" and pattern and pattern.fullmatch(header.event):
        return f"{header.type} changes nothing here."
    return Fault("201", "MSH-9.2", f"{header.kind} with event {header.event[:8] or '(none)'} is not taken.")


def apply_message(entry: Entry, incoming: Incoming) -> str:
    """Apply the message; return why it was ignored, empty when it was applied.

    One labelled ADT that holds an order is applied as both, with a warning.
    """
    # The patient first: the order of a mislabelled message is of that patient.
    ignored = entry.handler(incoming)
    mislabelled = incoming.header.kind == "ADT" and entry.handler is write_patient
    if mislabelled and any(segment.name in ORDER_SEGMENTS for segment in incoming.message.segments):
        incoming.warn(f"Labelled {incoming.header.type}, but it holds an order; taken as both.")
        ignored = apply_orders(incoming) and ignored
    return ignored
