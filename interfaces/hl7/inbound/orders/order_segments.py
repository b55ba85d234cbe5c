"""ORC, OBR, DG1, OBX, NTE and PV1 → what is said of an order as a whole (IHE RAD-2, RAD-4; HL7 chapter 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC

from interfaces.hl7.translation.code_tables import PLACE, values_of
from interfaces.hl7.v2.parser import Message, Segment
from ris.orders.intents import Code, Diagnosis, Entity, Recipient

from ..context import Incoming
from ..visits import is_pregnant, patient_class
from .groups import Group, Request
from .observations import body_height_m, body_weight_kg, observation_text, read_observations
from .persons import name_of, read_provider, read_recipient, read_referrer
from .statements import Content

PRIORITIES = ("STAT", "HIGH", "MEDIUM", "ROUTINE")
_MODALITIES = frozenset(
    {
        "CR", "CT", "DX", "MG", "MR", "MRI", "NM", "OT", "PT", "RF", "US", "XA", "XR", "DR", "BMD", "RG", "OP", "IO",
        "PX", "SC",
    }
)  # fmt: skip
"""OBR-18 holds one of these at senders that put the modality there; it is no accession number then."""


def read_content(group: Group, incoming: Incoming, *, with_visit: bool) -> Content:
    """Return what a group says about its order. ``with_visit``: PV1 is kept with the visit, so not with the order."""
    orc, obr = group.orc, group.obr
    # Each OBR with the numbers of the fields that it has: most fields are empty, and are not asked for.
    obrs = [(r.obr, r.obr.given()) for r in group.requests if r.obr]
    pv1 = incoming.message.first("PV1")
    provider = read_provider(orc, 12) or read_provider(obr, 16) or [""] * 13
    placed = incoming.moment(orc, 9) if orc else None
    observations = [o for r in group.requests if r.observations for o in read_observations(r)]
    reasons = [repeat.components(3) for segment, given in obrs if 31 in given for repeat in segment.repeats(31)]
    segments = incoming.message.segments
    content = Content(
        accession=accession_number(group, incoming),
        sender_filler_number=filler_number(group, incoming)[:64],
        placer_entity=_entity((orc, 2), (obr, 2)),
        filler_entity=_entity((orc, 3), (obr, 3)),
        group_entity=_entity((orc, 4)),
        priority=_priority(group, incoming),
        ordering_provider=name_of(provider),
        ordering_provider_id=provider[0][:32],
        ordering_provider_authority=(provider[8] or provider[12])[:64],
        referrer_entity=read_referrer(orc, obr, pv1),
        reason=join_once(text or code for code, text, _ in reasons),
        reason_codes=tuple(Code(code[:64], text[:200], system[:64]) for code, text, system in reasons if code),
        clinical_info=join_once(
            [segment.whole(13) for segment, given in obrs if 13 in given]
            + [observation_text(observation) for observation in observations]
            + values_of(incoming.peer, "order.clinical_info", segments)
        ),
        comments="\n".join(
            [
                *(text for r in group.requests for note in r.notes if (text := note.whole(3))),
                *values_of(incoming.peer, "order.comments", segments),
            ]
        ),
        diagnoses=tuple(dict.fromkeys(_diagnosis(d) for r in group.requests for d in r.diagnoses)),
        observations=tuple(observations),
        weight_kg=body_weight_kg(observations, incoming) if observations else None,
        height_m=body_height_m(observations, incoming) if observations else None,
        call_back_phone=_call_back_phone(orc, obr, incoming),
        copies_to=_copies(obrs, incoming),
        transport=next((_text(segment, 30) for segment, given in obrs if 30 in given), "")[:64],
        patient_state=next((_text(segment, 12) for segment, given in obrs if 12 in given), "")[:64],
        placed_at=placed.astimezone(UTC) if placed else None,
    )
    return content if with_visit else _with_pv1(content, pv1)


def accession_number(group: Group, incoming: Incoming) -> str:
    """Return the accession number: of the field that the sender's settings name, else IPC-1, else OBR-18."""
    if incoming.peer.accession_field:
        return value_at(incoming.peer.accession_field, group, incoming.message)
    of_steps = [ipc.text(1) for request in group.requests for ipc in request.steps]
    of_requests = [request.obr.text(18) for request in group.requests if request.obr]
    given = list(dict.fromkeys(filter(None, [*of_steps, *(v for v in of_requests if not _is_modality(v, incoming))])))
    if len(given) > 1:
        incoming.warn("One order came with several accession numbers; the first was taken.")
    return given[0] if given else ""


def _is_modality(value: str, incoming: Incoming) -> bool:
    if value.upper() not in _MODALITIES:
        return False
    incoming.warn("OBR-18 is a modality, not an accession number; not taken as one.")
    return True


def filler_number(group: Group, incoming: Incoming) -> str:
    """Return the filler number: of the field that the sender's settings name, else ORC-3, else OBR-3."""
    if incoming.peer.filler_field:
        return value_at(incoming.peer.filler_field, group, incoming.message)
    return next((s.text(3) for s in (group.orc, group.obr) if s is not None and s.text(3)), "")


def value_at(place: str, group: Group, message: Message) -> str:
    """Return the value of a field such as ``OBR-18`` or ``ZOR-3.2``, of the group where it has that segment."""
    match = PLACE.fullmatch(place)
    if match is None:
        return ""
    name, number, component = match[1], int(match[2]), int(match[3] or 1)
    own: dict[str, list[Segment | None]] = {
        "ORC": [group.orc],
        "OBR": [request.obr for request in group.requests],
        "IPC": [ipc for request in group.requests for ipc in request.steps],
    }
    segments = own.get(name, [])
    if not segments:
        segments.extend(message.all(name))
    return next((value for s in segments if s and (value := s.text(number, component))), "")


def _entity(*places: tuple[Segment | None, int]) -> Entity | None:
    """An entity identifier (EI) with all that came of it, of the first place that has one."""
    for segment, number in places:
        parts = segment.components(number, 4) if segment is not None else [""]
        if parts[0]:
            return Entity(*(part[:199] for part in parts))
    return None


def _diagnosis(dg1: Segment) -> Diagnosis:
    """DG1-3, described by DG1-4; the system may stand in DG1-2 (before 2.3)."""
    code, text, system = dg1.components(3, 3)
    former_system, description, kind = dg1.values(2, 4, 6)
    return Diagnosis(code[:64], (text or description or code)[:250], (system or former_system)[:64], kind[:8])


def _call_back_phone(orc: Segment | None, obr: Segment | None, incoming: Incoming) -> str:
    """ORC-14, else OBR-17. Senders that count fields from the name of the segment put it one field further."""
    if phone := _phone(orc, 14) or _phone(obr, 17):
        return phone
    for segment, number in ((orc, 15), (obr, 18)):
        phone = _phone(segment, number)
        # What the standard has there, a time and a number of the placer, has a first component.
        if segment and phone and not segment.text(number):
            incoming.warn(f"{segment.place(number)} holds a telephone number; taken as the call-back phone.")
            return phone
    return ""


def _phone(segment: Segment | None, number: int) -> str:
    """A number as one (XTN.1 before 2.7, .12), else country, area and local number (.5, .6, .7)."""
    for repeat in segment.repeats(number) if segment else []:
        parts = " ".join(filter(None, (repeat.text(component) for component in (5, 6, 7))))
        phone = repeat.text(1) or repeat.text(12) or parts
        if sum(sign.isdigit() for sign in phone) >= _FEWEST_DIGITS:
            return phone[:64]
    return ""


# An extension has three digits; what has fewer is something else that a sender put there.
_FEWEST_DIGITS = 3


def _copies(obrs: list[tuple[Segment, set[int]]], incoming: Incoming) -> tuple[Recipient, ...]:
    """OBR-28. A person in OBR-29 is taken for one only where the telephone shows that all fields are one further.

    Elsewhere it is a person of another kind: a report must not go to somebody who was never to have it.
    """
    people = [person for obr, given in obrs if 28 in given for person in obr.repeats(28)]
    for obr, given in obrs:
        if 28 in given or 29 not in given or not (obr.text(29, 3) and obr.text(29, 2).isalpha()):
            continue
        if not obr.text(18) and _phone(obr, 18):
            incoming.warn(f"{obr.place(29)} holds a person, as its fields are one further; taken as a copy (OBR-28).")
            people += obr.repeats(29)
        else:
            incoming.warn(f"{obr.place(29)} holds a person; who is to get a copy belongs in OBR-28. Not taken.")
    return tuple(dict.fromkeys(map(read_recipient, people)))


def _with_pv1(content: Content, pv1: Segment | None) -> Content:
    """Add PV1-2, 3, 8 and 15 of a message that numbers no visit."""
    if pv1 is None:
        return content
    return replace(
        content,
        patient_class=patient_class(pv1),
        patient_location="-".join(filter(None, pv1.components(3, 3)))[:120],
        referring_provider=name_of(read_provider(pv1, 8)),
        pregnant=is_pregnant(pv1) if pv1.has(15) else None,
    )


def _priority(group: Group, incoming: Incoming) -> str:
    """TQ1-9 wins over ORC-7.6, that over OBR-27.6 and OBR-5; of several requests the most urgent."""
    given = []
    for request in group.requests or [Request()]:
        timing = request.timing or group.timing
        places = [(timing, 9, 1), (group.orc, 7, 6), (request.obr, 27, 6), (request.obr, 5, 1)]
        given += [text for s, number, component in places if s and (text := s.text(number, component))][:1]
    known = []
    for value in given:
        meant = incoming.mapping.meaning("priority", value).upper()
        if meant in PRIORITIES:
            known.append(meant)
        else:
            incoming.warn("The priority is not one of table 0485; taken as not said.")
            incoming.note_unknown("priority", value)
    return min(known, key=PRIORITIES.index, default="")


def _text(segment: Segment, number: int) -> str:
    return segment.text(number, 2) or segment.text(number)


def join_once(texts: Iterable[str]) -> str:
    """Return the texts on lines, each once."""
    return "\n".join(dict.fromkeys(text for text in texts if text))
