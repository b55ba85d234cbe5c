"""ADT out: what is known here of a patient, and merges."""

from __future__ import annotations

from datetime import datetime

from interfaces.hl7.models import Destination
from ris.patients.models import Patient

from .segments import Encoded, compose, write_msh, write_pid, write_pv1, write_segment, write_timestamp


def build_patient_update(destination: Destination, patient: Patient, control_id: str, at: datetime) -> list[str]:
    """ADT^A08."""
    head = write_msh(destination, "ADT^A08^ADT_A01", control_id, at)
    return [head, write_segment("EVN", {1: "A08", 2: write_timestamp(at)}), write_pid(patient), write_pv1(None)]


def build_patient_merge(destination: Destination, patient: Patient, control_id: str, at: datetime) -> list[str]:
    """ADT^A40: MRG-1 holds all identifiers that were given up."""
    head = write_msh(destination, "ADT^A40^ADT_A39", control_id, at)
    given_up = patient.identifiers.filter(retired=True).order_by("pk")
    ids = Encoded("~".join(compose(row.value, "", "", row.authority, row.kind) for row in given_up))
    return [
        head,
        write_segment("EVN", {1: "A40", 2: write_timestamp(at)}),
        write_pid(patient),
        write_segment("MRG", {1: ids}),
    ]
