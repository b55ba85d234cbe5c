"""The fields of an order group → plain words (STANDARDS: IHE RAD-2, RAD-4; HL7 chapter 4)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from interfaces.hl7.translation.unknown_values import note_unknown
from interfaces.hl7.translation.z_segments import values_of
from interfaces.hl7.v2.parser import Segment
from ris.catalog.models import Device
from ris.kernel.errors import Conflict, Invalid

from ..context import Incoming
from ..patients import person_name
from .groups import Group, Request

Words = dict[str, Any]
"""Plain values for JSON; what was not said is not in it."""

STUDY_UID_CODES = frozenset({"110180", "113014"})
"""OBX-3.1 (DCM): Study Instance UID; DICOM Study."""
_UID = re.compile(r"\d+(\.\d+)+")
_MODALITY = re.compile(r"[A-Z][A-Z0-9]{1,15}")
_SIDES = {"L": "L", "LEFT": "L", "LT": "L", "R": "R", "RIGHT": "R", "RT": "R", "B": "B", "BILATERAL": "B", "50": "B"}


def said(**values: Any) -> Words:
    """Only what was said."""
    return {name: value for name, value in values.items() if value not in ("", None, [], {})}


def order_words(group: Group, incoming: Incoming) -> Words:
    """What the group says about the order as a whole."""
    orc, obr = group.orc, next((r.obr for r in group.requests if r.obr), None)
    provider = next((r for s, n in ((orc, 12), (obr, 16)) if s for r in s.repeats(n) if r.text(1) or r.text(2)), None)
    requests = [r for r in group.requests if r.obr]
    placed = incoming.moment(orc, 9) if orc else None
    return said(
        priority=_priority(group, incoming),
        ordering_provider=person_name(provider, start=2) if provider else "",
        ordering_provider_id=provider.text(1)[:32] if provider else "",
        reason=_joined([_coded(r.obr, 31) for r in requests if r.obr]),
        clinical_info=_joined(
            [t for r in requests if r.obr for t in (r.obr.whole(13), *_observed(r))]
            + values_of(incoming, "order.clinical_info")
        ),
        comments="\n".join(
            [*(n.whole(3) for r in group.requests for n in r.notes if n.has(3)), *values_of(incoming, "order.comments")]
        ),
        transport=next((_text_of(r.obr, 30)[:64] for r in requests if r.obr and r.obr.has(30)), ""),
        patient_state=next((_text_of(r.obr, 12)[:64] for r in requests if r.obr and r.obr.has(12)), ""),
        placed_at=placed.astimezone(UTC).isoformat() if placed else "",
    )


def accession_of(group: Group, incoming: Incoming) -> str:
    """OBR-18 or IPC-1; of several the first, with a warning."""
    given = [
        value
        for r in group.requests
        for value in ([r.obr.text(18)] if r.obr else []) + [ipc.text(1) for ipc in r.steps]
        if value
    ]
    if len(set(given)) > 1:
        incoming.warn("One order came with several accession numbers; the first was taken.")
    return given[0] if given else ""


def procedure_words(group: Group, request: Request, incoming: Incoming) -> list[Words]:
    """The procedures of one OBR: one, or as many as its IPC segments tell apart (IPC-2, IPC-3)."""
    code, protocol = _codes(request.obr, incoming) if request.obr else ([], [])
    uid = _study_uid(request)
    base = said(
        number=request.obr.text(19)[:16] if request.obr else "",
        study_uid=uid,
        code=code,
        laterality=_side(request.obr) if request.obr else "",
        modality=_modality(request.obr.text(24), incoming, request.obr.place(24)) if request.obr else "",
    )
    if not request.steps:
        step = _obr_step(group, request, protocol, base, incoming)
        return [base | {"steps": [step] if step else []}] if base or step else []
    found: dict[tuple[str, str], Words] = {}
    for ipc in request.steps:
        key = ipc.text(2), ipc.text(3)
        procedure = found.setdefault(key, base | said(number=key[0][:16], study_uid=_uid(ipc, 3)) | {"steps": []})
        procedure["steps"].append(_ipc_step(group, request, ipc, protocol, incoming))
        if not procedure.get("modality"):
            procedure |= said(modality=procedure["steps"][-1].get("modality", ""))
    if uid and any(p.get("study_uid") not in (uid, None) for p in found.values()) and len(found) == 1:
        raise _disagree(request.steps[0].place(3))
    return list(found.values())


def _obr_step(group: Group, request: Request, protocol: list[str], base: Words, incoming: Incoming) -> Words:
    obr = request.obr
    if obr is None:
        return {}
    orc = group.orc
    location = incoming.mapping.meaning("location", orc.text(13) if orc else "")
    title = next((t for t in (obr.text(21), orc.text(18) if orc else "") if t), "")
    if not (title and len(title) <= 16 and Device.objects.filter(ae_title=title).exists()):
        title = incoming.mapping.station(
            code=base.get("code", [""])[0], location=location, modality=base.get("modality", "")
        )
    return said(
        number=obr.text(20)[:16],
        start=_start(group, request, incoming),
        protocol=protocol,
        performing_physician=_physician(obr),
        station_aes=[title] if title else [],
    )


def _ipc_step(group: Group, request: Request, ipc: Segment, protocol: list[str], incoming: Incoming) -> Words:
    modality = _modality(ipc.text(5), incoming, ipc.place(5))
    own = [ipc.text(6), ipc.text(6, 2), ipc.text(6, 3)]
    return said(
        number=ipc.text(4)[:16],
        modality=modality,
        protocol=own if own[0] else protocol,
        station_names=[r.text(1)[:64] for r in ipc.repeats(7)],
        location=_text_of(ipc, 8)[:64],
        station_aes=[r.text(1)[:16] for r in ipc.repeats(9)],
        start=_start(group, request, incoming),
        performing_physician=_physician(request.obr) if request.obr else "",
    )


def _start(group: Group, request: Request, incoming: Incoming) -> str:
    """TQ1-7, ORC-7.4, OBR-27.4, OBR-36 or OBR-6, whichever is said first; ISO, UTC."""
    timing = request.timing or group.timing
    places = [(timing, 7, 1), (group.orc, 7, 4), (request.obr, 27, 4), (request.obr, 36, 1), (request.obr, 6, 1)]
    for segment, number, component in places:
        found: datetime | None = incoming.moment(segment, number, component) if segment else None
        if found:
            return found.astimezone(UTC).isoformat()
    return ""


def _priority(group: Group, incoming: Incoming) -> str:
    """TQ1-9 wins over ORC-7.6, that over OBR-27.6 and OBR-5; of several requests the most urgent."""
    ranks = ("STAT", "HIGH", "MEDIUM", "ROUTINE")
    given = []
    for request in group.requests or [Request()]:
        timing = request.timing or group.timing
        places = [(timing, 9, 1), (group.orc, 7, 6), (request.obr, 27, 6), (request.obr, 5, 1)]
        given += [t for s, n, c in places if s and (t := s.text(n, c))][:1]
    known = []
    for value in given:
        meant = incoming.mapping.meaning("priority", value).upper()
        if meant in ranks:
            known.append(meant)
        else:
            incoming.warn("The priority is not one of table 0485; taken as not said.")
            note_unknown(incoming, "priority", value)
    return min(known, key=ranks.index, default="")


def _codes(obr: Segment, incoming: Incoming) -> tuple[list[str], list[str]]:
    """([code, text, system] of the procedure, the same of the protocol), as the peer means OBR-4 and OBR-44."""
    first, second, third = _ce(obr, 4, 1), _ce(obr, 4, 4), _ce(obr, 44, 1)
    if incoming.peer.obr4 == "protocol":
        procedure, protocol = third or second or first, first
    else:
        procedure, protocol = first or third, second
    if procedure:
        mapped = incoming.mapping.find("procedure", procedure[0])
        if mapped:
            procedure = [mapped[0], mapped[1] or procedure[1], ""]
    return procedure, protocol


def _ce(segment: Segment, number: int, start: int) -> list[str]:
    """Code, text, system of a CE, cut to what fits; a text alone serves as the code. Empty when neither is said."""
    value, text, system = (segment.text(number, start + n) for n in range(3))
    return [(value or text)[:64], text[:120], system[:64]] if value or text else []


def _modality(given: str, incoming: Incoming, place: str) -> str:
    meant = incoming.mapping.meaning("modality", given).upper()
    if meant and not _MODALITY.fullmatch(meant):
        incoming.warn(f"{place} is not a modality; ignored.")
        note_unknown(incoming, "modality", given)
        return ""
    return meant


def _study_uid(request: Request) -> str:
    """ZDS-1.1, or an OBX that carries it. Raises when they disagree."""
    places = [(request.study, 1)] + [(o, 5) for o in request.observations if o.text(3) in STUDY_UID_CODES]
    found = ""
    for segment, number in places:
        uid = _uid(segment, number) if segment else ""
        if uid and found and uid != found and segment:
            raise _disagree(segment.place(number))
        found = found or uid
    return found


def _disagree(place: str) -> Conflict:
    return Conflict("The Study Instance UIDs in this message disagree.", at=place, code="102")


def _uid(segment: Segment, number: int) -> str:
    uid = segment.text(number)
    if uid and not (_UID.fullmatch(uid) and len(uid) <= 64):
        raise Invalid("This is not a DICOM UID.", at=segment.place(number), code="data-type")
    return uid


def _observed(request: Request) -> list[str]:
    """Observations that came with the order, such as ``Body weight: 80 kg``."""
    texts = []
    for obx in request.observations:
        if obx.text(3) not in STUDY_UID_CODES and obx.text(2) != "ED" and obx.has(5):
            texts.append(f"{obx.text(3, 2) or obx.text(3)}: {obx.whole(5)} {obx.text(6)}".strip())
    return texts


def _side(obr: Segment) -> str:
    """Laterality from OBR-15 (any component), or from the modifiers OBR-45, OBR-46."""
    for number in (15, 45, 46):
        for repeat in obr.repeats(number):
            for part in range(1, 8):
                side = _SIDES.get(repeat.text(part).upper())
                if side:
                    return side
    return ""


def _physician(obr: Segment) -> str:
    """OBR-34: NDL, whose first component is a name in sub-components, or an XCN."""
    family, given = obr.text(34, 1, 2), obr.text(34, 1, 3)
    return f"{family}^{given}".strip("^")[:194] if family else person_name(obr, 34, 2)


def _coded(segment: Segment | None, number: int) -> str:
    """The texts of a coded field's repeats."""
    return "\n".join(r.text(2) or r.text(1) for r in segment.repeats(number)) if segment else ""


def _text_of(segment: Segment, number: int) -> str:
    return segment.text(number, 2) or segment.text(number)


def _joined(texts: list[str]) -> str:
    """Each text once, on lines."""
    return "\n".join(dict.fromkeys(text for text in texts if text))
