"""OBR, IPC, ZDS and TQ1 → what is said of procedures and their scheduled steps (IHE RAD-4; HL7 chapter 4)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from interfaces.hl7.v2.parser import Segment
from ris.kernel.errors import Conflict, Invalid
from ris.orders.intents import Code

from ..context import Incoming
from ..patients import person_name
from .groups import Group, Request
from .statements import Procedure, Step, overlay

STUDY_UID_CODES = frozenset({"110180", "113014"})
"""OBX-3.1 (DCM): Study Instance UID; DICOM Study."""
_UID = re.compile(r"\d+(\.\d+)+")
_MODALITY = re.compile(r"[A-Z][A-Z0-9]{1,15}")
# OBR-15 in words, and modifiers of CPT (50: both sides).
_SIDES = {"L": "L", "LEFT": "L", "LT": "L", "R": "R", "RIGHT": "R", "RT": "R", "B": "B", "BILATERAL": "B", "50": "B"}
# Characters of an AE title (PS3.5 6.2).
_MOST_AE = 16


def read_procedures(group: Group, incoming: Incoming, titles: frozenset[str]) -> list[Procedure]:
    """Return the procedures of a group: each OBR, or each that its IPC tell apart (IPC-2, IPC-3), is its own.

    ``titles`` are those of the AE titles named in OBR-21 and ORC-18 that are devices here.
    """
    return [p for request in group.requests for p in _of_request(group, request, incoming, titles)]


def join_procedures(procedures: list[Procedure]) -> tuple[Procedure, ...]:
    """Return the procedures with those joined that the message itself says are one: same number, same Study UID."""
    joined: list[Procedure] = []
    for procedure in procedures:
        index = next((n for n, standing in enumerate(joined) if _are_one(standing, procedure)), None)
        if index is None:
            joined.append(procedure)
            continue
        steps = procedure.steps
        standing = joined[index]
        if procedure.code and standing.code and procedure.code.value != standing.code.value:
            steps = tuple(s if s.protocols else replace(s, protocols=(procedure.code,)) for s in steps or (Step(),))
        joined[index] = replace(standing, steps=standing.steps + steps)
    return tuple(replace(procedure, steps=_join_steps(procedure.steps)) for procedure in joined)


def _join_steps(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Steps of one number (OBR-20, IPC-4) are one step with the protocols of all of them."""
    joined: list[Step] = []
    for step in steps:
        index = next((n for n, standing in enumerate(joined) if step.number and standing.number == step.number), None)
        if index is None:
            joined.append(step)
            continue
        standing = joined[index]
        protocols = tuple(dict.fromkeys(standing.protocols + step.protocols))
        joined[index] = replace(overlay(step, standing), protocols=protocols)
    return tuple(joined)


def _are_one(one: Procedure, other: Procedure) -> bool:
    if one.number or other.number:
        return one.number == other.number
    return bool(one.study_uid) and one.study_uid == other.study_uid


def named_titles(group: Group) -> set[str]:
    """Return the AE titles that OBR-21 and ORC-18 may name; many senders put something else there."""
    obrs = [request.obr.text(21) for request in group.requests if request.obr]
    given = [*obrs, group.orc.text(18) if group.orc else ""]
    return {title for title in given if title and len(title) <= _MOST_AE}


def _of_request(group: Group, request: Request, incoming: Incoming, titles: frozenset[str]) -> list[Procedure]:
    obr, uid = request.obr, _study_uid(request)
    code, alternates, protocols = _codes(obr, incoming) if obr else (None, (), ())
    number, section = obr.values(19, 24) if obr else ("", "")
    base = Procedure(
        code=code,
        alternates=alternates,
        number=number[:16],
        study_uid=uid,
        laterality=_side(obr) if obr else "",
        modality=_modality(section, incoming, obr, 24) if obr else "",
    )
    if not request.steps:
        step = _obr_step(group, request, protocols, base, incoming, titles)
        procedure = replace(base, steps=(step,) if step != Step() else ())
        return [procedure] if procedure != Procedure() else []
    procedures: dict[tuple[str, str], Procedure] = {}
    for ipc in request.steps:
        key = ipc.text(2), ipc.text(3)
        standing = procedures.get(key) or replace(
            base, number=key[0][:16] or base.number, study_uid=_uid(ipc, 3) or base.study_uid
        )
        step = _ipc_step(group, request, ipc, protocols, incoming)
        procedures[key] = replace(standing, modality=standing.modality or step.modality, steps=(*standing.steps, step))
    # Several IPC may be several studies; ZDS then speaks of none of them in particular.
    if uid and any(p.study_uid not in (uid, "") for p in procedures.values()) and len(procedures) == 1:
        raise _disagree(request.steps[0].place(3))
    return list(procedures.values())


def _obr_step(
    group: Group,
    request: Request,
    protocols: tuple[Code, ...],
    procedure: Procedure,
    incoming: Incoming,
    titles: frozenset[str],
) -> Step:
    obr, orc = request.obr, group.orc
    if obr is None:
        return Step()
    step_number, obr_title = obr.values(20, 21)
    title = obr_title or (orc.text(18) if orc else "")
    if title not in titles:
        title = incoming.mapping.station(
            code=procedure.code.value if procedure.code else "",
            location=incoming.mapping.meaning("location", orc.text(13) if orc else ""),
            modality=procedure.modality,
        )
    return Step(
        number=step_number[:16],
        start=_start(group, request, incoming),
        protocols=protocols,
        performing_physician=_physician(obr),
        station_aes=(title,) if title else (),
    )


def _ipc_step(group: Group, request: Request, ipc: Segment, protocols: tuple[Code, ...], incoming: Incoming) -> Step:
    own = tuple(Code(r.text(1)[:64], r.text(2)[:120], r.text(3)[:64]) for r in ipc.repeats(6) if r.text(1))
    return Step(
        number=ipc.text(4)[:16],
        modality=_modality(ipc.text(5), incoming, ipc, 5),
        protocols=own or protocols,
        station_names=tuple(r.text(1)[:64] for r in ipc.repeats(7)),
        location=(ipc.text(8, 2) or ipc.text(8))[:64],
        station_aes=tuple(r.text(1)[:_MOST_AE] for r in ipc.repeats(9)),
        start=_start(group, request, incoming),
        performing_physician=_physician(request.obr) if request.obr else "",
    )


def _start(group: Group, request: Request, incoming: Incoming) -> datetime | None:
    """TQ1-7, ORC-7.4, OBR-27.4, OBR-36 or OBR-6, whichever is said first; UTC."""
    timing = request.timing or group.timing
    places = [(timing, 7, 1), (group.orc, 7, 4), (request.obr, 27, 4), (request.obr, 36, 1), (request.obr, 6, 1)]
    for segment, number, component in places:
        start = incoming.moment(segment, number, component) if segment else None
        if start:
            return start.astimezone(UTC)
    return None


def _codes(obr: Segment, incoming: Incoming) -> tuple[Code | None, tuple[Code, ...], tuple[Code, ...]]:
    """(procedure, the same in other systems, protocols), as the sender means OBR-4 and OBR-44."""
    first, second, third = _code(obr, 4, 1), _code(obr, 4, 4), _code(obr, 44, 1)
    if incoming.peer.obr4 == "protocol":
        procedure, protocol = third or second or first, first
    else:
        procedure, protocol = first or third, second
    others = tuple(code for code in (first, second, third) if code and code != procedure)
    if procedure:
        mapped = incoming.mapping.find("procedure", procedure.value)
        if mapped:
            procedure, others = Code(mapped[0], mapped[1] or procedure.text), ()
    return procedure, others if procedure else (), (protocol,) if protocol else ()


def _code(segment: Segment, number: int, start: int) -> Code | None:
    """Code, text, system of a CE, cut to what fits; a text alone serves as the code. None when neither is said."""
    value, text, system = segment.components(number, 3, start=start)
    return Code((value or text)[:64], text[:120], system[:64]) if value or text else None


def _modality(given: str, incoming: Incoming, segment: Segment, number: int) -> str:
    if not given:
        return ""
    meant = incoming.mapping.meaning("modality", given).upper()
    if meant and not _MODALITY.fullmatch(meant):
        incoming.warn(f"{segment.place(number)} is not a modality; ignored.")
        incoming.note_unknown("modality", given)
        return ""
    return meant


def _study_uid(request: Request) -> str:
    """ZDS-1.1, or an OBX that carries it. Raises Conflict when they disagree, Invalid for what is no UID."""
    places = [(request.study, 1)] + [(o, 5) for o in request.observations if o.text(3) in STUDY_UID_CODES]
    standing = ""
    for segment, number in places:
        uid = _uid(segment, number) if segment else ""
        if uid and standing and uid != standing and segment:
            raise _disagree(segment.place(number))
        standing = standing or uid
    return standing


def _disagree(place: str) -> Conflict:
    return Conflict("The Study Instance UIDs in this message disagree.", at=place, code="102")


def _uid(segment: Segment, number: int) -> str:
    uid = segment.text(number)
    if uid and not (_UID.fullmatch(uid) and len(uid) <= 64):  # 64 characters: PS3.5 9.1
        raise Invalid("This is not a DICOM UID.", at=segment.place(number), code="data-type")
    return uid


def _side(obr: Segment) -> str:
    """Laterality from OBR-15 (any component), or from the modifiers OBR-45, OBR-46."""
    given = obr.given()
    parts = (
        part
        for number in (15, 45, 46)
        if number in given
        for repeat in obr.repeats(number)
        for part in repeat.components(7)  # SPS has seven; the site modifier may stand in any
    )
    return next((side for part in parts if (side := _SIDES.get(part.upper()))), "")


def _physician(obr: Segment) -> str:
    """OBR-34: NDL, whose first component is a name in sub-components, or an XCN.

    Some senders put a location there: what has digits is no name.
    """
    family, given = obr.text(34, 1, 2), obr.text(34, 1, 3)
    name = f"{family}^{given}".strip("^")[:194] if family else person_name(obr, 34, 2)
    return "" if re.search(r"\d", name) else name
