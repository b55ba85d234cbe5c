"""ADT out: what is known here of a patient (A08), merges (A40) and merges that were undone (A37)."""

from __future__ import annotations

from datetime import datetime

from interfaces.hl7.models import Destination
from ris.patients.models import Identifier, Merge, Patient

from .segments import (
    write_allergies,
    write_identifiers,
    write_msh,
    write_pid,
    write_pv1,
    write_segment,
    write_timestamp,
)


def build_patient_update(destination: Destination, patient: Patient, control_id: str, at: datetime) -> list[str]:
    """ADT^A08: demographics, names of every writing, identifiers in use, allergies."""
    head = write_msh(destination, "ADT^A08^ADT_A01", control_id, at)
    evn = write_segment("EVN", {1: "A08", 2: write_timestamp(at)})
    # PV1 is required in ADT_A01 and ADT_A37; class U, since no visit is meant.
    return [head, evn, write_pid(patient, destination), write_pv1(None), *write_allergies(patient)]


def build_patient_merge(
    destination: Destination, patient: Patient, merge: Merge | None, control_id: str, at: datetime
) -> list[str]:
    """ADT^A40: MRG-1 holds the identifiers that this merge retired, PID-3 those that live on.

    Without the merge (an event from before merges were kept), MRG-1 holds every identifier that was given up.
    """
    head = write_msh(destination, "ADT^A40^ADT_A39", control_id, at)
    rows = patient.identifiers.filter(retired=True).order_by("pk")
    if merge is not None:
        moved = {pk: retired for pk, retired, _ in merge.moved["Identifier"]}
        of_merge = Identifier.objects.filter(pk__in=moved).order_by("pk")  # whoever has them by now
        rows = of_merge.filter(pk__in=[pk for pk, retired in moved.items() if not retired]) or of_merge or rows
    mrg = write_segment("MRG", {1: write_identifiers(rows)})
    return [head, write_segment("EVN", {1: "A40", 2: write_timestamp(at)}), write_pid(patient, destination), mrg]


def build_patient_separation(
    destination: Destination, patient: Patient, restored: Patient, control_id: str, at: datetime
) -> list[str]:
    """ADT^A37 (unlink): the two patients whose merge was undone, each with its own identifiers."""
    head = write_msh(destination, "ADT^A37^ADT_A37", control_id, at)
    evn = write_segment("EVN", {1: "A37", 2: write_timestamp(at)})
    return [head, evn, write_pid(patient, destination), write_pv1(None), write_pid(restored, destination)]
