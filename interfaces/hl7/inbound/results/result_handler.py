"""ORU^R01 by role: images are available (IHE RAD-132), AI findings, dictated reports, reports made elsewhere, status.

The role of an OBR is what the sender is set to send, else what its content shows. None of these is laboratory values
and the like, which are never taken for a finding.
"""

from __future__ import annotations

from reporting.outside.documents import keep_document
from ris.kernel.errors import Invalid
from ris.orders import states
from ris.orders.models import ScheduledStep
from ris.orders.services import arrive, complete_by_hand, note_images, start_by_hand
from ris.orders.services.placement import accession_within

from ...v2.parser import Segment
from ..context import Incoming
from ..orders.groups import Group, Request, cut_groups
from ..orders.procedure_segments import STUDY_UID_CODES
from ..patients import resolve
from .early_results import attach, author_of, find_author, keep
from .findings import Finding, read_findings
from .ownership import NO_SUBJECT, Subject, check_patient, find_subject, person_of
from .roles import AI, DICTATION, IMAGES, OTHER, OUTSIDE, STATUS, UNSURE, role_of
from .texts import Dictation, read_dictation, read_documents

# OBX-11 or OBR-25 of a study that is whole (IHE RAD-132); R: it has begun to arrive.
_WHOLE = frozenset({"O", "F", "C", ""})
NOT_OURS = "No result of imaging: it holds neither a report, nor images, nor a finding in images."
CANNOT_TELL = (
    "It cannot be told whether this is a report or another department's value; say what this sender's ORU means."
)
_STATES = {
    "arrived": states.ARRIVED, "started": states.STARTED, "in progress": states.STARTED, "begun": states.STARTED,
    "completed": states.COMPLETED, "complete": states.COMPLETED, "performed": states.COMPLETED,
    "done": states.COMPLETED, "cm": states.COMPLETED, "ip": states.STARTED,
}  # fmt: skip
"""OBX-5 of an exam status, lower case → state of the scheduled steps."""


def apply_results(incoming: Incoming) -> str:
    """Take each result for what the sender means by it, or, where that is not set, for what it holds.

    Raises Conflict where PID is of another patient than the exam. What is no result of imaging (laboratory values) is
    ignored or refused by name, as the sender's setting for orders of other departments says. What cannot be told waits
    for a person.
    """
    requests = [(group, request) for group in cut_groups(incoming.message) for request in group.requests]
    if not requests:
        raise Invalid("A result message needs OBR.", at="OBR", code="100")
    others = 0
    for group, request in requests:
        subject = find_subject(group, request)
        role = _role(request, subject, incoming)
        if role == IMAGES:
            _apply_images(request, subject, incoming)
        elif role == DICTATION:
            dictation = read_dictation(request, incoming)
            author_of(dictation.author)
            _attach(subject, dictation, incoming)
        elif role == AI:
            for finding in read_findings(request, incoming):
                _attach(subject, finding, incoming)
        elif role == OUTSIDE:
            _keep_documents(group, request, subject, incoming)
        elif role == STATUS:
            _apply_status(request, subject, incoming)
        else:
            others += 1
            if role == UNSURE and incoming.peer.other_orders != "refuse":
                incoming.unmet.append(CANNOT_TELL)
    if others and incoming.peer.other_orders == "refuse":
        raise Invalid(NOT_OURS, at="OBX-3", code="103")
    if others and incoming.effects:
        incoming.warn(NOT_OURS)
    if incoming.effects:
        return ""
    return NOT_OURS if others else "It says nothing new."


def _role(request: Request, subject: Subject, incoming: Incoming) -> str:
    """What the sender is set to send; else by content. A text whose author is nobody here is a report made elsewhere
    only where it is of no exam of ours, or names no author."""
    if incoming.peer.results != "auto":
        return incoming.peer.results
    author = request.obr.text(32, 1, 1) if request.obr else ""
    is_ours = subject.order is not None or subject.procedure is not None
    has_specimen = incoming.message.first("SPM") is not None
    is_author_named = bool(author) and (is_ours or find_author(author) is not None)
    role = role_of(
        request, incoming.header, is_case_known=is_ours, is_author_named=is_author_named, has_specimen=has_specimen
    )
    if role == DICTATION and not (subject.accession or subject.study_uid):
        return OUTSIDE
    return OTHER if role == AI and not (subject.accession or subject.study_uid) else role


def _apply_images(request: Request, subject: Subject, incoming: Incoming) -> None:
    """OBX 113014 with the Study UID; OBX-11 ``O``/``F`` or OBR-25 ``F``: the study is whole, ``R``: it has arrived."""
    named = [obx for obx in request.observations if obx.text(3) in STUDY_UID_CODES and obx.text(5)]
    if not named:
        raise Invalid("The Study Instance UID is missing: OBX 113014.", at="OBX-5", code="required")
    if subject.procedure is not None:
        check_patient(person_of(incoming), subject.procedure.order, incoming, needed=False)
    for obx in named:
        complete = _is_complete(obx, request.obr)
        study = note_images(obx.text(5), instances=0, complete=complete, actor=incoming.actor, at=incoming.at)
        incoming.did("noted", study)
        if study.procedure is not None:
            incoming.accession = study.procedure.order.accession
            incoming.patient_id = study.procedure.order.patient_id
        else:
            incoming.warn("No order has this Study Instance UID yet; the arrival is kept and counts when it comes.")


def _apply_status(request: Request, subject: Subject, incoming: Incoming) -> None:
    """OBX whose code says in words that it is the exam's status: the steps move on, never back.

    What names no exam, or no status that is known, waits for a person.
    """
    obx = request.observations[-1]
    state = _STATES.get(" ".join(obx.text(5).lower().replace("_", " ").split()))
    if state is None or subject.procedure is None:
        what = "No exam of this number is known" if state else "This status of an exam is not known"
        incoming.note_unmet(f"{what}; the status was not applied.", obx.place(5) if state is None else "OBR-18")
        return
    check_patient(person_of(incoming), subject.procedure.order, incoming, needed=True)
    order = subject.procedure.order
    incoming.accession, incoming.patient_id = order.accession, order.patient_id
    for step in subject.procedure.steps.filter(state__in=states.COMPLETE.sources).order_by("pk"):
        if _move_step(step, state, incoming):
            incoming.did(state, step)


def _move_step(step: ScheduledStep, state: str, incoming: Incoming) -> bool:
    """Move one step to that state, unless it is there or further on. What a device began, the device ends."""
    actor, at = incoming.actor, incoming.at
    if state == states.ARRIVED:
        if step.state == states.SCHEDULED:
            arrive(step.pk, actor=actor, at=at)
        return step.state == states.SCHEDULED
    if step.state in states.WAITING:
        start_by_hand(step.pk, actor=actor, at=at)
    elif state == states.STARTED or not step.performed.filter(state=states.IN_PROGRESS, by_hand=True).exists():
        return False
    if state == states.COMPLETED:
        complete_by_hand(step.pk, actor=actor, at=at)
    return True


def _is_complete(obx: Segment, obr: Segment | None) -> bool:
    """Whether the study is whole: OBX-11, else OBR-25 (table 0123: R and S are not); where neither says, it is."""
    status = obx.text(11) or (obr.text(25) if obr else "")
    return status.upper() in _WHOLE


def _attach(subject: Subject, result: Finding | Dictation, incoming: Incoming) -> None:
    """Attach it to the case, or keep it until the case opens."""
    if not subject.accession and not subject.study_uid:
        raise Invalid(NO_SUBJECT, at="OBR-18", code="required")
    person = person_of(incoming)
    if subject.order is not None:
        check_patient(person, subject.order, incoming, needed=isinstance(result, Dictation))
        incoming.accession, incoming.patient_id = subject.order.accession, subject.order.patient_id
    if subject.item is not None:
        attached = attach(subject.item, result, actor=incoming.actor, at=incoming.at)
        kind = "dictation" if isinstance(result, Dictation) else "ai"
        if attached is not None:
            incoming.did(f"attached {kind} to", attached)
        return
    kept = keep(
        result, person, accession=subject.accession, study_uid=subject.study_uid, message_id=incoming.message_id
    )
    incoming.did("kept", kept)
    incoming.warn("The case is not open yet; the result is kept and attached when it opens.")


def _keep_documents(group: Group, request: Request, subject: Subject, incoming: Incoming) -> None:
    """Keep a report made elsewhere with its patient: the exam's, else PID's, who is registered where unknown."""
    person = person_of(incoming)
    procedure = subject.procedure
    if subject.order is not None:
        check_patient(person, subject.order, incoming, needed=True)
        patient = subject.order.patient
        incoming.accession, incoming.patient_id = subject.order.accession, patient.pk
    else:
        if person is None:
            raise Invalid("A report needs PID: it says whose it is.", at="PID", code="100")
        # Who PID means is compared with what is known of them, and asked where in doubt.
        patient = resolve(incoming, authoritative=False)
    intents = read_documents(group, request, incoming)
    if not intents and not incoming.unmet:
        raise Invalid("There is neither text nor a document in OBX-5.", at="OBX-5", code="required")
    for intent in intents:
        document = keep_document(
            intent, patient=patient, procedure=procedure, accession=accession_within(subject.accession),
            actor=incoming.actor, at=incoming.at,
        )  # fmt: skip
        if document is not None:
            incoming.did("kept", document)
