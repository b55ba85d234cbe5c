"""ORU^R01 in three roles: images are available (IHE RAD-132), AI or outside results, dictated reports."""

from __future__ import annotations

from django.db.models import Q

from reporting.checks import SECTIONS
from ris.kernel.errors import Invalid
from ris.orders.models import Order, RequestedProcedure
from ris.orders.services import note_images
from worklist.models import ReadingItem

from ..outbound.messages.oru import SECTIONS as SECTION_CODES
from ..translation.z_segments import values_of
from ..v2 import datatypes
from ..v2.parser import Segment
from .context import Incoming
from .early_results import Said, attach, author_of, keep
from .orders.groups import Group, Request, cut_groups
from .orders.procedure_segments import STUDY_UID_CODES

TEXT_TYPES = frozenset({"TX", "FT"})
POSITIVE = frozenset({"A", "AA", "H", "HH", "L", "LL", "POS", "ABN"})
"""OBX-8: abnormal."""
YES = frozenset({"Y", "YES", "T", "TRUE", "1", "POS", "POSITIVE", "PRESENT", "DETECTED", "10828004", "52101004"})
"""OBX-5 of a coded finding that is there (the last two: SNOMED CT positive, present)."""
_WHOLE = frozenset({"O", "F", "C", ""})
"""OBX-11 or OBR-25 of a study that is whole (IHE RAD-132); R: it has begun to arrive."""
SECTION_OF_CODE = {code: name for name, (code, _) in SECTION_CODES.items()} | {
    "IMP": "impression",
    "IMPRESSION": "impression",
    "FINDINGS": "findings",
    "GDT": "findings",
    "TECHNIQUE": "technique",
    "COMPARISON": "comparison",
}


def apply_results(incoming: Incoming) -> str:
    """Take each result for what the peer means by it, or, where that is not set, for what it holds."""
    found = [(group, request) for group in cut_groups(incoming.message) for request in group.requests]
    if not found:
        raise Invalid("A result message needs OBR.", at="OBR", code="100")
    for group, request in found:
        role = incoming.peer.results if incoming.peer.results != "auto" else _role_of(request)
        if role == "images":
            _take_images(request, incoming)
        elif role == "dictation":
            _take(group, request, "dictation", _dictated(request, incoming), incoming)
        else:
            for said in _findings(request, incoming):
                _take(group, request, "ai", said, incoming)
    return "" if incoming.effects else "It says nothing new."


def _role_of(request: Request) -> str:
    others = [obx for obx in request.observations if obx.text(3) not in STUDY_UID_CODES]
    if not others:
        return "images"
    return "dictation" if any(obx.text(2) in TEXT_TYPES for obx in others) else "ai"


def _take_images(request: Request, incoming: Incoming) -> None:
    """OBX 113014 with the Study UID; OBX-11 ``O``/``F`` or OBR-25 ``F``: the study is whole, ``R``: it has arrived."""
    named = [obx for obx in request.observations if obx.text(3) in STUDY_UID_CODES and obx.text(5)]
    if not named:
        raise Invalid("The Study Instance UID is missing: OBX 113014.", at="OBX-5", code="required")
    for obx in named:
        complete = _is_complete(obx, request.obr)
        study = note_images(obx.text(5), instances=0, complete=complete, actor=incoming.actor, at=incoming.at)
        incoming.did("noted", study)
        if study.procedure is not None:
            incoming.accession = study.procedure.order.accession
            incoming.patient_id = study.procedure.order.patient_id
        else:
            incoming.warn("No order has this Study Instance UID yet; the arrival is kept and counts when it comes.")


def _is_complete(obx: Segment, obr: Segment | None) -> bool:
    """Whether the study is whole: OBX-11, else OBR-25 (table 0123: R and S are not); where neither says, it is."""
    status = obx.text(11) or (obr.text(25) if obr else "")
    return status.upper() in _WHOLE


def _findings(request: Request, incoming: Incoming) -> list[Said]:
    """Findings by OBX-4 (sub-id): a coded observation says whether it is there, a numeric one how sure that is."""
    by_group: dict[str, Said] = {}
    for obx in request.observations:
        if obx.text(3) in STUDY_UID_CODES or not obx.has(5):
            continue
        said = by_group.setdefault(obx.text(4) or obx.text(3), {"vendor": incoming.peer.name})
        moment = incoming.moment(obx, 14) or (incoming.moment(request.obr, 22) if request.obr else None)
        said["result_at"] = min(moment or incoming.message_at, incoming.at).isoformat()
        said |= _expiry(obx, incoming)
        if obx.text(2) == "NM":
            said["score"] = _number(obx)
            said.setdefault("code", obx.text(3)[:40])
        else:
            said["code"] = obx.text(3)[:40]
        if obx.text(8).upper() in POSITIVE or (obx.text(2) != "NM" and obx.text(5).upper() in YES):
            said["positive"] = True
    return [{"positive": False, **said} for said in by_group.values()]


def _expiry(obx: Segment, incoming: Incoming) -> Said:
    """Until when the result counts, where the peer's settings read a field of it, or of a Z-segment, as that."""
    for text in values_of(incoming, "result.expires_at", [obx, *_others(incoming)]):
        moment = datatypes.parse_moment(text, incoming.zone)
        if moment is not None:
            return {"expires_at": moment.isoformat()}
        incoming.warn("The expiry of a result is not a time; ours counts.")
    return {}


def _others(incoming: Incoming) -> list[Segment]:
    return [segment for segment in incoming.message.segments if segment.name != "OBX"]


def _number(obx: Segment) -> float:
    try:
        return float(obx.text(5))
    except ValueError:
        raise Invalid("This is not a number.", at=obx.place(5), code="data-type") from None


def _dictated(request: Request, incoming: Incoming) -> Said:
    """The text by section (OBX-3), line by line; what names no section of ours goes to the findings."""
    sections: dict[str, list[str]] = {}
    for obx in request.observations:
        if obx.text(2) in TEXT_TYPES:
            code = obx.text(3).upper()
            name = SECTION_OF_CODE.get(code) or SECTION_OF_CODE.get(obx.text(3, 1, 2).upper()) or "findings"
            sections.setdefault(name if name in SECTIONS else "findings", []).append(obx.whole(5))
    author = request.obr.text(32, 1, 1) if request.obr else ""
    if not author:
        raise Invalid("Say who dictated it: OBR-32 is empty.", at="OBR-32", code="required")
    author_of(author)
    return {"author": author, "sections": {name: "\n".join(lines).strip() for name, lines in sections.items()}}


def _take(group: Group, request: Request, kind: str, said: Said, incoming: Incoming) -> None:
    """Attach it to the case, or keep it until the case opens."""
    accession, uid = _named(group, request)
    item = _item(accession, uid)
    order = Order.objects.filter(accession=accession).first() if accession else None
    if item is not None:
        order = item.procedure.order
        incoming.did(f"attached {kind} to", attach(item, kind, said, actor=incoming.actor, at=incoming.at))
    else:
        incoming.did("kept", keep(kind, said, accession=accession, study_uid=uid, message_id=incoming.message_id))
        incoming.warn("The case is not open yet; the result is kept and attached when it opens.")
    if order is not None:
        incoming.accession, incoming.patient_id = order.accession, order.patient_id


def _named(group: Group, request: Request) -> tuple[str, str]:
    """(accession number, Study UID) of what the result is about."""
    uid = next((obx.text(5) for obx in request.observations if obx.text(3) in STUDY_UID_CODES), "")
    obr = request.obr
    accession = obr.text(18)[:16] if obr else ""
    if not accession and obr:
        filler = obr.text(3) or (group.orc.text(3) if group.orc else "")
        placer = obr.text(2) or (group.orc.text(2) if group.orc else "")
        known = Q(filler_number=filler) if filler else Q(pk=None)
        known |= Q(accession=filler[:16]) if filler else Q(pk=None)
        known |= Q(placer_number=placer) if placer else Q(pk=None)
        accession = Order.objects.filter(known).values_list("accession", flat=True).first() or filler[:16]
    if not accession and not uid:
        raise Invalid("Say what the result is about: OBR-18, OBR-3 or OBX 113014.", at="OBR-18", code="required")
    return accession, uid


def _item(accession: str, uid: str) -> ReadingItem | None:
    """The case of that Study UID; else the only one of that accession number."""
    items = ReadingItem.objects.select_related("procedure__order")
    if uid:
        found = items.filter(procedure__study_uid=uid).first()
        if found is not None:
            return found
        if RequestedProcedure.objects.filter(study_uid=uid).exists():
            return None
    return items.filter(accession=accession).order_by("pk").first() if accession else None
