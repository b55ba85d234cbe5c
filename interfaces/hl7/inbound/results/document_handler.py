"""MDM^T02, T08, T10, T11: documents of another system (HL7 chapter 9), kept as reports made elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db.models import Q

from reporting.outside.documents import WITHDRAWN, DocumentIntent, keep_document
from ris.kernel.errors import Invalid, NotFound
from ris.orders.models import Order, RequestedProcedure
from ris.patients.models import Patient

from ...v2.parser import Segment
from ..context import Incoming
from ..orders.groups import Group, Request, cut_groups
from ..patients import person_name, resolve
from .ownership import check_patient, find_subject, person_of
from .texts import read_documents

_PRELIMINARY = frozenset({"DI", "DP", "IN", "IP", "PA"})
"""TXA-17 (table 0271) of a document that is not authenticated yet; any other is final."""
NOTHING = "There is neither text nor a document in OBX-5."
NOT_KNOWN = "No document of this number stands here."


def apply_document(incoming: Incoming) -> str:
    """Keep the document with its exam or patient (T02, T08); T10 takes the place of TXA-13, T11 withdraws TXA-12.

    Raises Invalid without TXA-12 or content; Conflict where PID is of another patient than the exam.
    """
    txa = incoming.message.first("TXA")
    if txa is None or not txa.text(12):
        raise Invalid("Say which document it is: TXA-12 is empty.", at="TXA-12", code="required")
    group = next(iter(cut_groups(incoming.message)), None)
    if group is None:
        group = Group(requests=[Request(observations=incoming.message.all("OBX"))])
    request = group.request()
    order, procedure = _find_exam(txa, group, request)
    if order is not None:
        check_patient(person_of(incoming), order, incoming, needed=True)
        patient = order.patient
        incoming.accession, incoming.patient_id = order.accession, patient.pk
    else:
        patient = resolve(incoming, authoritative=False)
    accession = order.accession if order else ""
    for intent in _read(txa, group, request, incoming):
        _keep(intent, patient, procedure, accession, incoming)
    return "" if incoming.effects else NOT_KNOWN if incoming.header.event == "T11" else "It says nothing new."


def _find_exam(txa: Segment, group: Group, request: Request) -> tuple[Order | None, RequestedProcedure | None]:
    """The exam of OBR, else of TXA-14 (placer) and TXA-15 (filler); None where none is named or known."""
    subject = find_subject(group, request)
    if subject.order is not None:
        return subject.order, subject.procedure
    placer, filler = txa.text(14), txa.text(15)
    known = Q(placer_number=placer) if placer else Q(pk=None)
    if filler:
        known |= Q(filler_number=filler) | Q(sender_filler_number=filler) | Q(accession=filler)
    orders = list(Order.objects.select_related("patient").filter(known)[:2])
    if len(orders) != 1:
        return None, None
    procedures = list(orders[0].procedures.all()[:2])
    return orders[0], procedures[0] if len(procedures) == 1 else None


def _read(txa: Segment, group: Group, request: Request, incoming: Incoming) -> list[DocumentIntent]:
    number, obr = txa.text(12)[:199], request.obr
    event = incoming.header.event
    base = DocumentIntent(
        source=incoming.peer.name,
        number=number,
        title=((obr.text(4, 2) or obr.text(4)) if obr else "")[:199] or txa.text(16)[:199] or txa.text(2)[:199],
        author=person_name(txa, 9, 2) or person_name(txa, 5, 2),
        media_type="",
        content=b"",
        status=WITHDRAWN if event == "T11" else "P" if txa.text(17).upper() in _PRELIMINARY else "F",
        dated_at=_dated_at(txa, incoming),
        replaces=txa.text(13)[:199] if event == "T10" else "",
    )
    if event == "T11":
        return [base]
    read = read_documents(group, request, incoming)
    if not read and not incoming.unmet:
        raise Invalid(NOTHING, at="OBX-5", code="required")
    return [replace(base, media_type=intent.media_type, content=intent.content) for intent in read]


def _dated_at(txa: Segment, incoming: Incoming) -> datetime:
    """An edit: TXA-8; an original: TXA-6, else TXA-4; else when the message was said."""
    fields = (6, 4) if incoming.header.event == "T02" else (8,)
    moments = (incoming.moment(txa, field) for field in fields)
    return next((moment for moment in moments if moment), incoming.message_at)


def _keep(
    intent: DocumentIntent, patient: Patient, procedure: RequestedProcedure | None, accession: str, incoming: Incoming
) -> None:
    try:
        document = keep_document(
            intent, patient=patient, procedure=procedure, accession=accession, actor=incoming.actor, at=incoming.at
        )
    except NotFound:
        return  # withdrawn, and never heard of or withdrawn before
    if document is not None:
        incoming.did("withdrawn" if intent.status == WITHDRAWN else "kept", document)
