"""The patient and the visit as a message tells of them: PID, PD1, AL1, PV1, PV2 → intents."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Literal

from ris.patients.intents import PatientIntent
from ris.patients.models import Patient
from ris.patients.services import (
    IdentityPolicy,
    authority_named,
    note_said_confidential,
    resolve_patient,
)

from ..translation.code_tables import values_of
from ..v2.datatypes import parse_day
from ..v2.parser import Repeat, Segment
from .context import Incoming

Identifiers = tuple[tuple[str, str, str], ...]


def identifiers(segment: Segment, field: int, incoming: Incoming) -> Identifiers:
    """Every repeat of a CX field as (value, authority, kind); the default authority where none is given."""
    place = segment.place(field)
    rows: dict[tuple[str, str, str], None] = {}
    for repeat in segment.repeats(field):
        value, _, _, _, kind = repeat.components(5)
        if value:
            value = clip(value, 64, place, incoming)
            rows.setdefault((value, _authority(repeat, place, incoming), kind.upper()[:8] or "MR"))
    return tuple(rows)


def _authority(repeat: Repeat, place: str, incoming: Incoming) -> str:
    """CX-4 (HD), else CX-6, the facility that assigned it, else the sender's default."""
    for component in (4, 6):
        namespace, universal_id, id_type = repeat.subs(component, 3)
        if namespace or universal_id:
            return authority_named(clip(namespace, 64, place, incoming), universal_id[:199], id_type[:6])
    return authority_named(incoming.authority)


def clip(text: str, most: int, place: str, incoming: Incoming) -> str:
    """``text`` of at most so many characters, as the column has them; what is cut off is warned about."""
    if len(text) <= most:
        return text
    incoming.warn(f"{place} was cut to {most} characters.")
    return text[:most]


def person_name(name: Repeat | Segment, field: int = 0, start: int = 1) -> str:
    """A name as ``FAMILY^GIVEN`` from XCN (``start=2``) or XPN (``start=1``)."""
    parts = name.components(2, start=start) if isinstance(name, Repeat) else name.components(field, 2, start=start)
    return "^".join(parts).strip("^")[:194]


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
    if kind := _confidential(incoming):
        note_said_confidential(patient, kind, source=incoming.peer.name, actor=incoming.actor, at=incoming.at)
    return patient


_AMBULATORY_STATUS = re.compile(r"A\d|B[1-6]")


def _confidential(incoming: Incoming) -> str:
    """Why the message wants the patient kept confidential: PV1-16 says VIP (table 0099: any value but no), or PD1-12
    that the data are protected (table 0136); empty: it says nothing of that.

    An ambulatory status (table 0009, PV1-15) that stands one field further is told of, and makes nobody confidential.
    """
    vip = incoming.message.get("PV1", 16).upper()
    if _AMBULATORY_STATUS.fullmatch(vip):
        incoming.warn("PV1-16 holds an ambulatory status (PV1-15), no sign of a VIP; ignored.")
    elif vip not in ("", '""', "N", "NO", "0"):
        return "vip"
    return "request" if incoming.message.get("PD1", 12).upper() == "Y" else ""


def patient_intent(pid: Segment, incoming: Incoming) -> PatientIntent:
    """PID and AL1. A field that is empty was not said; ``""`` says that it is empty (HL7 2.5.3)."""
    ids = identifiers(pid, 3, incoming)
    # PID-2 and PID-4 hold the identifiers of senders before 2.3.1.
    if not ids:
        ids = identifiers(pid, 2, incoming) or identifiers(pid, 4, incoming)
        if ids:
            incoming.warn("PID-3 is empty; the identifier of PID-2 or PID-4 was taken.")
    given = pid.given()
    return PatientIntent(
        identifiers=ids,
        **_names(pid, incoming) if 5 in given else {},
        birth_date=_birth_date(pid, incoming) if 7 in given else None,
        sex=_sex(pid, incoming) if 8 in given else None,
        address=_address(pid, incoming) if 11 in given else None,
        phone=_phone(pid) if 13 in given else None,
        allergies=_allergies(incoming),
        alerts=values_of(incoming.peer, "patient.alerts", incoming.message.segments) or None,
        message_at=incoming.message_at,
        message_id=incoming.header.control_id,
    )


# Types of names (table 0200) in the order in which one is taken as the patient's: legal, not said, display, adopted,
# birth; any other (nickname, alias, pseudonym, maiden) only where nothing better is there.
_NAME_TYPES = ("L", "", "U", "D", "C", "B")
# Maiden and birth name: the person's, from before.
_FORMER = ("M", "B")
# Characters that the columns hold: family, given, middle name, suffix, prefix (XPN.1 to .5).
_MOST_OF_NAME = (194, 120, 120, 32, 32)


def _names(pid: Segment, incoming: Incoming) -> dict[str, Any]:
    """PID-5 (XPN: .7 the type, table 0200; .8 the script, table 0465) as fields of a PatientIntent."""
    names = [[*name[:6], name[6].upper(), name[7].upper()] for name in (r.components(8) for r in pid.repeats(5))]
    letters = [name for name in names if name[7] not in ("I", "P")]
    order = [_NAME_TYPES.index(name[6]) if name[6] in _NAME_TYPES else len(_NAME_TYPES) for name in letters]
    alphabetic = letters[order.index(min(order))] if letters else [""] * 5
    parts = [clip(text, most, "PID-5", incoming) for text, most in zip(alphabetic, _MOST_OF_NAME, strict=False)]
    fields: dict[str, Any] = dict(
        zip(("family_name", "given_name", "middle_name", "suffix", "prefix"), parts, strict=True)
    )
    # The first name of each script counts: I ideographic, P phonetic.
    for name in reversed(names):
        if script := {"I": "ideographic_name", "P": "phonetic_name"}.get(name[7]):
            fields[script] = "^".join(name[:2]).strip("^")[:194]
    fields["former_families"] = tuple(name[0] for name in names if name[6] in _FORMER and name[0])
    return fields


def _birth_date(pid: Segment, incoming: Incoming) -> date | Literal[""] | None:
    """PID-7; less than a day of it says nothing, ``""`` that it is not known."""
    text = pid.text(7)
    day = parse_day(text) if text else None
    if day is None and text:
        incoming.warn("PID-7 is not a date; ignored.")
        return None
    return day or ""


def _sex(pid: Segment, incoming: Incoming) -> str:
    """PID-8 by the sender's table; what is not F, M or O counts as not known."""
    text = pid.text(8)
    entry = incoming.mapping.find("sex", text)
    if entry is None and text.upper() not in ("", "U"):
        incoming.note_unknown("sex", text)
    return entry[0][:1] if entry and entry[0][:1] in "FMO" else ""


def _address(pid: Segment, incoming: Incoming) -> str:
    """XAD: street, other designation, city, state, postal code, country of the first address."""
    parts = next((repeat.components(6) for repeat in pid.repeats(11)), [])
    return clip(", ".join(filter(None, parts)), 250, "PID-11", incoming)


def _phone(pid: Segment) -> str:
    """XTN: the number as one (.1 before 2.7, .12), else area and local number (.6, .7)."""
    parts = next((repeat.components(12) for repeat in pid.repeats(13)), [""] * 12)
    return (parts[0] or parts[11] or f"{parts[5]} {parts[6]}".strip())[:64]


SEVERITIES = {"SV": "severe", "MO": "moderate", "MI": "mild"}
"""AL1-4 (HL7 table 0128)."""


def _allergies(incoming: Incoming) -> list[str] | None:
    """AL1-3 with severity and reaction (AL1-4, AL1-5), such as ``Iodinated contrast (severe, Anaphylaxis)``."""
    segments = incoming.message.all("AL1")
    more = values_of(incoming.peer, "patient.allergies", incoming.message.segments)
    allergies = [text for segment in segments if (text := read_allergy(segment))]
    return [*allergies, *more] if segments or more else None


def read_allergy(al1: Segment) -> str:
    """Substance with severity and reaction of AL1-3 to -5 or, alike, IAM-3 to -5; empty without a substance."""
    substance = al1.text(3, 2) or al1.text(3)
    severity = al1.text(4).upper()
    details = ", ".join(
        filter(None, [SEVERITIES.get(severity, ""), *(reaction.whole() for reaction in al1.repeats(5))])
    )
    return f"{substance} ({details})" if substance and details else substance
