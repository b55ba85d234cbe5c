"""ADT out: what is known here of a patient, and merges."""

from __future__ import annotations

from datetime import datetime

from interfaces.hl7.models import Destination
from ris.patients.models import Patient

from .segments import Written, moment, msh, parts, pid, pv1, segment


def updated(destination: Destination, patient: Patient, control_id: str, at: datetime) -> list[str]:
    """ADT^A08."""
    head = msh(destination, "ADT^A08^ADT_A01", control_id, at)
    return [head, segment("EVN", {1: "A08", 2: moment(at)}), pid(patient), pv1(None)]


def merged(destination: Destination, patient: Patient, control_id: str, at: datetime) -> list[str]:
    """ADT^A40: MRG-1 holds all identifiers that were given up."""
    head = msh(destination, "ADT^A40^ADT_A39", control_id, at)
    given_up = patient.identifiers.filter(retired=True).order_by("pk")
    ids = Written("~".join(parts(row.value, "", "", row.authority, row.kind) for row in given_up))
    return [head, segment("EVN", {1: "A40", 2: moment(at)}), pid(patient), segment("MRG", {1: ids})]
