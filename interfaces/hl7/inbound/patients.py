"""The patient as a message tells of them: PID, PD1, AL1 → intents."""

from __future__ import annotations

from datetime import date
from typing import Literal

from ris.patients.intents import PatientIntent
from ris.patients.models import Patient
from ris.patients.services import IdentityPolicy, authority_named, resolve_patient

from ..translation.z_segments import values_of
from ..v2 import datatypes
from ..v2.parser import Repeat, Segment
from .context import Incoming

Identifiers = tuple[tuple[str, str, str], ...]


def identifiers(segment: Segment, field: int, incoming: Incoming) -> Identifiers:
    """Every repeat of a CX field as (value, authority, kind); the default authority where none is given."""
    found: dict[tuple[str, str, str], None] = {}
    for repeat in segment.repeats(field):
        value = incoming.clip(repeat.text(1), 64, segment.place(field))
        if value:
            kind = repeat.text(5).strip().upper()[:8] or "MR"
            found.setdefault((value, _authority(repeat, segment.place(field), incoming), kind))
    return tuple(found)


def _authority(repeat: Repeat, place: str, incoming: Incoming) -> str:
    """CX-4 (HD), else CX-6, the facility that assigned it, else the sender's default."""
    for component in (4, 6):
        namespace = incoming.clip(repeat.text(component, 1), 64, place)
        universal_id, id_type = repeat.text(component, 2)[:199], repeat.text(component, 3)[:6]
        if namespace or universal_id:
            return authority_named(namespace, universal_id, id_type)
    return authority_named(incoming.authority)


def person_name(repeat: Repeat | Segment, field: int = 0, start: int = 1) -> str:
    """A name as ``FAMILY^GIVEN`` from XCN (``start=2``) or XPN (``start=1``)."""
    get = repeat.text if isinstance(repeat, Repeat) else lambda c: repeat.text(field, c)
    return f"{get(start)}^{get(start + 1)}".strip("^")[:194]


def resolve(incoming: Incoming, *, authoritative: bool) -> Patient:
    """The message's patient, found or made; noted as its patient and, when new or changed, as an effect."""
    pid = incoming.message.first("PID")
    intent = patient_intent(pid, incoming) if pid else PatientIntent(identifiers=())
    return resolve_intent(intent, incoming, authoritative=authoritative)


def resolve_intent(intent: PatientIntent, incoming: Incoming, *, authoritative: bool) -> Patient:
    """The patient whom the intent means, by the policy of the message's site; noted as the message's patient.

    Raises Invalid, Conflict and IdentityDoubt as :func:`ris.patients.services.resolve_patient`.
    """
    site = incoming.site
    patient = resolve_patient(
        intent,
        actor=incoming.actor,
        at=incoming.at,
        authoritative=authoritative,
        policy=IdentityPolicy(unsure=site.identity_unsure, another=site.identity_another),
        message_id=incoming.message_id,
    )
    incoming.patient_id = patient.pk
    return patient


def patient_intent(pid: Segment, incoming: Incoming) -> PatientIntent:
    """PID and AL1. A field that is empty was not said; ``""`` says that it is empty (HL7 2.5.3)."""
    ids = identifiers(pid, 3, incoming)
    if not ids:
        ids = identifiers(pid, 2, incoming) or identifiers(pid, 4, incoming)
        if ids:
            incoming.warn("PID-3 is empty; the identifier of PID-2 or PID-4 was taken.")
    names = {repeat.text(8).upper(): repeat for repeat in reversed(pid.repeats(5))}
    alphabetic = _alphabetic_name(pid)
    said = pid.has(5)

    def part(component: int, most: int) -> str | None:
        if not said:
            return None
        return incoming.clip(alphabetic.text(component), most, "PID-5") if alphabetic else ""

    return PatientIntent(
        identifiers=ids,
        family_name=part(1, 194),
        given_name=part(2, 120),
        middle_name=part(3, 120),
        suffix=part(4, 32),
        prefix=part(5, 32),
        ideographic_name=_group(names.get("I")),
        phonetic_name=_group(names.get("P")),
        birth_date=_birth_date(pid, incoming),
        sex=_sex(pid, incoming),
        former_families=tuple(r.text(1) for r in pid.repeats(5) if r.text(7).upper() in _FORMER and r.text(1)),
        address=_address(pid, incoming),
        phone=_phone(pid) if pid.has(13) else None,
        allergies=_allergies(incoming),
        alerts=values_of(incoming, "patient.alerts") or None,
        message_at=incoming.message_at,
        message_id=incoming.header.control_id,
    )


_NAME_TYPES = ("L", "", "U", "D", "C", "B")
"""Types of names (table 0200) in the order in which one is taken as the patient's: legal, not said, display, adopted,
birth; any other (nickname, alias, pseudonym, maiden) only where nothing better is there."""
_FORMER = ("M", "B")
"""Maiden and birth name: the person's, from before."""


def _alphabetic_name(pid: Segment) -> Repeat | None:
    """The repeat of PID-5 that names the patient in letters; the first of the best type."""
    letters = [repeat for repeat in pid.repeats(5) if repeat.text(8).upper() not in ("I", "P")]
    types = [repeat.text(7).upper() for repeat in letters]
    order = [_NAME_TYPES.index(kind) if kind in _NAME_TYPES else len(_NAME_TYPES) for kind in types]
    return letters[order.index(min(order))] if letters else None


def _birth_date(pid: Segment, incoming: Incoming) -> date | Literal[""] | None:
    """PID-7; less than a day of it says nothing, ``""`` that it is not known."""
    if not pid.has(7):
        return None
    found = datatypes.parse_day(pid.text(7))
    if found is None and pid.text(7):
        incoming.warn("PID-7 is not a date; ignored.")
        return None
    return found or ""


def _group(repeat: Repeat | None) -> str | None:
    return f"{repeat.text(1)}^{repeat.text(2)}".strip("^")[:194] if repeat else None


def _sex(pid: Segment, incoming: Incoming) -> str | None:
    if not pid.has(8):
        return None
    found = incoming.mapping.find("sex", pid.text(8))
    if found is None and pid.text(8).upper() not in ("", "U"):
        incoming.note_unknown("sex", pid.text(8))
    return found[0][:1] if found and found[0][:1] in "FMO" else ""


def _address(pid: Segment, incoming: Incoming) -> str | None:
    if not pid.has(11):
        return None
    first = next(iter(pid.repeats(11)), None)
    parts = [first.text(component) for component in range(1, 7)] if first else []
    return incoming.clip(", ".join(filter(None, parts)), 250, "PID-11")


def _phone(pid: Segment) -> str:
    """XTN: the number as one (.1 before 2.7, .12), else area and local number (.6, .7)."""
    first = next(iter(pid.repeats(13)), None)
    if first is None:
        return ""
    return (first.text(1) or first.text(12) or f"{first.text(6)} {first.text(7)}".strip())[:64]


SEVERITIES = {"SV": "severe", "MO": "moderate", "MI": "mild"}
"""AL1-4 (HL7 table 0128)."""


def _allergies(incoming: Incoming) -> list[str] | None:
    """AL1-3 with severity and reaction (AL1-4, AL1-5), such as ``Iodinated contrast (severe, Anaphylaxis)``."""
    segments, more = incoming.message.all("AL1"), values_of(incoming, "patient.allergies")
    said = [text for s in segments if (text := read_allergy(s))]
    return [*said, *more] if segments or more else None


def read_allergy(al1: Segment) -> str:
    """Substance with severity and reaction of AL1-3 to -5 or, alike, IAM-3 to -5; empty without a substance."""
    substance = al1.text(3, 2) or al1.text(3)
    severity = al1.text(4).upper()
    details = [SEVERITIES.get(severity, ""), *(reaction.whole() for reaction in al1.repeats(5))]
    said = ", ".join(filter(None, details))
    return f"{substance} ({said})" if substance and said else substance
