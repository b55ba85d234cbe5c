"""The picture of an order → intents of ``ris.orders``."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import replace

from ris.catalog.models import Device
from ris.kernel.errors import Invalid
from ris.orders.intents import Code, OrderIntent, ProcedureIntent, StepIntent
from ris.orders.models import Order
from ris.orders.selectors_catalog import find_catalog_procedure
from ris.patients.models import Patient, Visit

from ..context import Incoming
from .projection import Change, Picture
from .statements import Content, Procedure, Step, said

# Name space of Study Instance UIDs derived from accession numbers (uuid5 under 2.25).
_UID_ROOT = uuid.UUID("6f1d2f3c-6f0e-4b7c-9a53-8b1b1c0f2a77")
# Fields that a new order is given and a change does not change.
_FIXED = frozenset({"accession", "placed_at"})


def new_order_intent(
    picture: Picture, patient: Patient, visit: Visit | None, incoming: Incoming, *, placer: str, authority: str
) -> OrderIntent:
    """Return the intent to place an order. Raises Invalid for a Study UID that the sender's policy demands."""
    content = picture.content
    procedures = [p for p in picture.procedures if p.code is not None]
    names = [(p.number, p.code, p.laterality) for p in procedures]
    uids = [
        _study_uid(p, content.accession, incoming.peer.uid_policy, earlier=names[:n].count(names[n]))
        for n, p in enumerate(procedures)
    ]
    return OrderIntent(
        site_id=_site_id(procedures, incoming),
        patient_id=patient.pk,
        visit_id=visit.pk if visit else None,
        source=incoming.peer.name,
        placer_number=placer,
        placer_authority=authority if placer else "",
        placer_generation=picture.generation,
        procedures=tuple(
            replace(procedure_intent(p, uid=uid), modality_guess=_guess(p) if incoming.guesses_modality else "")
            for p, uid in zip(procedures, uids, strict=True)
        ),
        **said(content),
    )


def _guess(procedure: Procedure) -> str:
    """The modality that the texts of OBR-4 name, where OBR-24 is empty."""
    if procedure.modality:
        return ""
    codes = [code for code in (procedure.code, *procedure.alternates) if code is not None]
    return modality_in([code.text or code.value for code in codes])


def revision_intent(
    order: Order, content: Content, changes: list[tuple[Change, str]], visit_id: int | None, *, guesses: bool
) -> OrderIntent:
    """Return the intent to revise an order: what is new of its content, and of its procedures (change, our number).

    ``guesses``: the modality of an unknown code may be read from its text.
    """
    return OrderIntent(
        site_id=order.site_id,
        patient_id=order.patient_id,
        visit_id=visit_id,
        source=order.source,
        procedures=tuple(
            replace(procedure_intent(change.new, number=number), modality_guess=_guess(change.new) if guesses else "")
            for change, number in changes
        ),
        **{name: value for name, value in said(content).items() if name not in _FIXED},
    )


def procedure_intent(procedure: Procedure, *, number: str = "", uid: str = "") -> ProcedureIntent:
    """Return the intent of one procedure. ``number`` is ours; without one, what was said counts."""
    return ProcedureIntent(
        code=procedure.code or Code(""),
        alternates=procedure.alternates,
        number=number or procedure.number,
        study_uid=uid,
        modality=procedure.modality,
        laterality=procedure.laterality,
        steps=tuple(_step_intent(step) for step in procedure.steps if not step.cancelled),
    )


def _step_intent(step: Step) -> StepIntent:
    return StepIntent(**{name: value for name, value in said(step).items() if name != "cancelled"})


def _site_id(procedures: list[Procedure], incoming: Incoming) -> int:
    """The site that the message names; else where the device stands that it asks for, or one of its modality."""
    if incoming.named_site is not None:
        return incoming.named_site.pk
    titles = [ae for procedure in procedures for step in procedure.steps for ae in step.station_aes]
    device = Device.objects.filter(ae_title__in=titles, active=True).first() if titles else None
    if device is None:
        first = procedures[0]
        known = find_catalog_procedure(*filter(None, [first.code, *first.alternates]))
        modality = first.modality or (known.modality if known else "")
        able = Device.objects.filter(modality=modality, active=True)
        if not able.filter(site=incoming.site).exists():
            device = able.order_by("pk").first()
    return device.site_id if device else incoming.site.pk


def _study_uid(procedure: Procedure, accession: str, policy: str, *, earlier: int) -> str:
    """The Study UID that was said; where none was, by the sender's policy: refuse, derive, or leave it to be issued.

    ``earlier`` is how many procedures before it in the order are named alike.
    """
    if procedure.study_uid or policy == "generate":
        return procedure.study_uid
    if policy == "reject":
        raise Invalid("This sender must give a Study Instance UID.", at="ZDS-1", code="required")
    code = procedure.code.value if procedure.code else ""
    name = f"{accession}/{procedure.number or code}"
    if procedure.laterality and not procedure.number:
        name += f"/{procedure.laterality}"  # the left and the right knee are two studies
    name += f"/{earlier}" if earlier else ""
    return f"2.25.{uuid.uuid5(_UID_ROOT, name).int}" if accession else ""


_WORDS = {
    "CT": "CT", "MR": "MR", "MRI": "MR", "US": "US", "ULTRASOUND": "US", "XR": "DX", "X-RAY": "DX", "XRAY": "DX",
    "DX": "DX", "CR": "CR", "MG": "MG", "MAMMO": "MG", "MAMMOGRAM": "MG", "MAMMOGRAPHY": "MG", "NM": "NM", "PET": "PT",
}  # fmt: skip
"""Word → modality (0008,0060). XR is no term of DICOM: plain radiography is DX here."""
_WORD = re.compile(r"PET[/-]CT|X-RAY|[^\W\d_]+", re.IGNORECASE)
_PLAIN = frozenset({"XRAY", "X-RAY", "MRI", "ULTRASOUND", "MAMMOGRAM", "MAMMOGRAPHY"})
"""Words that are no abbreviation of anything else, so that they count wherever they stand: CHEST XRAY."""
_RADIOGRAPHY = frozenset({"DX", "CR"})


def modality_in(texts: Iterable[str]) -> str:
    """Return the modality with whose word a text begins, else whose unmistakable word it holds.

    Empty where there is none, or where two words disagree.
    """
    texts = list(texts)
    words = [[_meaning(word) for word in _WORD.findall(text)] for text in texts]
    first = next((meanings[0] for meanings in words if meanings and meanings[0]), "")
    first = first or next((_WORDS[w.upper()] for t in texts for w in _WORD.findall(t) if w.upper() in _PLAIN), "")
    others = {meaning for meanings in words for meaning in meanings if meaning} - {first}
    agrees = not others or ({first, *others} <= _RADIOGRAPHY)
    return first if agrees else ""


def _meaning(word: str) -> str:
    word = word.upper()
    return "PT" if word in ("PET/CT", "PET-CT") else _WORDS.get(word, "")
