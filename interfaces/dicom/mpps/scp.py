"""Modality Performed Procedure Step SCP (PS3.4 F.7): a device tells what it does; the exam moves.

Refused is only what the standard's state rules refuse. Everything else is kept, noted as a
violation and answered with success: a scanner is never stopped over a comment.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import F
from pydicom.dataset import Dataset

from ris.audit.actor import Actor
from ris.catalog.models import Device
from ris.kernel.clock import now
from ris.kernel.errors import Conflict
from ris.kernel.identifiers import new_uid
from ris.orders import states
from ris.orders.intents import PerformedIntent
from ris.orders.models import PerformedStep
from ris.orders.selectors_performed import match_steps
from ris.orders.services import complete_exam, discontinue_exam, start_exam

from ..encoding.datasets import decode_dataset, encode_dataset
from ..models import Mpps
from ..mwl.date_matching import parse_utc_offset
from ..upper_layer.admission import Caller
from ..upper_layer.n_services import NRequest
from . import dataset as reading
from . import forwarding

log = structlog.get_logger(__name__)

SUCCESS, SOME_NOT_TAKEN = 0x0000, 0x0001
INVALID_VALUE, PROCESSING_FAILURE, DUPLICATE, UNKNOWN_INSTANCE = 0x0106, 0x0110, 0x0111, 0x0112
MISSING_ATTRIBUTE, MISSING_VALUE = 0x0120, 0x0121
NO_LONGER_UPDATABLE = 0xA710
"""Error ID that goes with 0110 (PS3.4 F.7.2.2.3)."""

Answer = tuple[Any, Dataset | None]


def create(event: NRequest, caller: Caller) -> Answer:
    """N-CREATE: an exam has begun (IHE RAD-6)."""
    dataset = event.attribute_list
    missing = reading.first_missing(dataset)
    if missing:
        _, name, status = missing
        return refusal(status, f"{name} is missing"), None
    if reading.text(dataset, "PerformedProcedureStepStatus") != reading.IN_PROGRESS:
        return refusal(INVALID_VALUE, "A step is created IN PROGRESS"), None
    uid = affected(event) or new_uid()
    at = now()
    try:
        begin(uid, dataset, caller, at=at)
    except Conflict:
        return refusal(DUPLICATE, "This SOP Instance exists already"), None
    told = Dataset()
    if affected(event) is None:
        told.AffectedSOPInstanceUID = uid
    return SUCCESS, told


@transaction.atomic
def begin(uid: str, dataset: Dataset, caller: Caller, *, at: datetime) -> Mpps:
    """Start the exam and keep what was said. Raises Conflict for a UID that exists."""
    violations = []
    started = reading.moment(dataset, "Start", _zone(dataset, caller))
    if started is None:
        violations.append("start date or time unreadable")
    references = reading.references(dataset)
    step_ids = tuple(match_steps(references))
    if not step_ids:
        violations.append("unscheduled")
    first = references[0]
    performed = start_exam(
        PerformedIntent(
            mpps_uid=uid,
            step_ids=step_ids,
            study_uid=first.study_uid[:64],
            accession=first.accession[:16],
            station_ae=reading.text(dataset, "PerformedStationAETitle")[:16],
            modality=first.modality[:16],
            number=reading.text(dataset, "PerformedProcedureStepID")[:16],
            started_at=started or at,
        ),
        actor=_actor(caller),
        at=at,
    )
    mpps = Mpps.objects.create(
        performed=performed,
        uid=uid,
        dataset=encode_dataset(dataset),
        calling_ae=caller.ae_title[:16],
        patient_id=reading.text(dataset, "PatientID")[:64],
        violations=violations,
        updated_at=at,
    )
    forwarding.enqueue_forwards(mpps, dataset, creates=True, at=at)
    return mpps


def set_(event: NRequest, caller: Caller) -> Answer:
    """N-SET: more is known, or the exam is over (IHE RAD-7)."""
    uid = requested(event)
    changes = event.attribute_list
    status = reading.text(changes, "PerformedProcedureStepStatus")
    if status and status not in (reading.IN_PROGRESS, reading.COMPLETED, reading.DISCONTINUED):
        return refusal(INVALID_VALUE, "No such Performed Procedure Step Status"), None
    try:
        dropped = _apply(uid, changes, status, caller, now())
    except Mpps.DoesNotExist:
        return refusal(UNKNOWN_INSTANCE, "No such SOP Instance"), None
    except Conflict:
        over = refusal(PROCESSING_FAILURE, "Performed Procedure Step may no longer be updated")
        over.ErrorID = NO_LONGER_UPDATABLE
        return over, None
    return (SOME_NOT_TAKEN if dropped else SUCCESS), Dataset()


@transaction.atomic
def _apply(uid: str, changes: Dataset, status: str, caller: Caller, at: datetime) -> list[str]:
    """Take the changes over and end the exam if it is over; return the attributes that may not be set."""
    mpps = Mpps.objects.select_for_update(of=("self",)).select_related("performed").get(uid=uid)
    if mpps.performed.state != states.IN_PROGRESS:
        raise Conflict("The performed procedure step is over.")
    fixed = [element.tag for element in changes if int(element.tag) in reading.NOT_IN_SET and element.value]
    dropped = [str(tag) for tag in fixed if int(tag) != 0x00080005]
    whole = merged(mpps, changes)
    violations = [*mpps.violations, *(f"set {tag}" for tag in dropped)]
    if status in (reading.COMPLETED, reading.DISCONTINUED):
        violations += _end(mpps.performed, whole, status, caller, at)
    else:
        PerformedStep.objects.filter(pk=mpps.performed_id).update(
            series=reading.series(whole), dose=reading.dose(whole), version=F("version") + 1
        )
    Mpps.objects.filter(pk=mpps.pk).update(
        dataset=encode_dataset(whole),
        revision=F("revision") + 1,
        supplies=reading.supplies(whole),
        violations=list(dict.fromkeys(violations)),
        updated_at=at,
    )
    forwarding.enqueue_forwards(mpps, changes, creates=False, at=at)
    return dropped


def _end(performed: PerformedStep, whole: Dataset, status: str, caller: Caller, at: datetime) -> list[str]:
    violations = []
    ended = reading.moment(whole, "End", _zone(whole, caller))
    if ended is None:
        violations.append("end date or time missing")
    series = reading.series(whole)
    if not series and status == reading.COMPLETED:
        violations.append("completed without a series")
    said: dict[str, Any] = {
        "ended_at": ended or at,
        "series": series,
        "dose": reading.dose(whole),
        "actor": _actor(caller),
        "at": at,
    }
    if status == reading.COMPLETED:
        complete_exam(performed.mpps_uid, **said)
    else:
        discontinue_exam(performed.mpps_uid, reason_code=reading.reason_code(whole)[:16], **said)
    return violations


def affected(event: NRequest) -> str | None:
    """The UID that an N-CREATE gives its instance; None: we choose."""
    return event.instance_uid or None


def requested(event: NRequest) -> str:
    """The UID of the instance that is asked about."""
    return event.instance_uid


def get(event: NRequest, caller: Caller) -> Answer:
    """N-GET (MPPS Retrieve): what we were told, or the attributes of it that are asked for."""
    mpps = Mpps.objects.filter(uid=requested(event)).first()
    if mpps is None:
        return refusal(UNKNOWN_INSTANCE, "No such SOP Instance"), None
    whole = decode_dataset(mpps.dataset)
    asked = event.attribute_identifiers
    if not asked:
        return SUCCESS, whole
    part = Dataset()
    for tag in asked:
        if tag in whole:
            part[tag] = whole[tag]
    return (SUCCESS if len(part) == len(asked) else SOME_NOT_TAKEN), part


def merged(mpps: Mpps, changes: Dataset) -> Dataset:
    """The dataset with the changes: each attribute replaced whole, the performed series among them."""
    whole = decode_dataset(mpps.dataset)
    for element in changes:
        if int(element.tag) not in reading.NOT_IN_SET:
            whole[element.tag] = element
    return whole


def refusal(status: int, comment: str) -> Dataset:
    """A status with its Error Comment."""
    said = Dataset()
    said.Status = status
    said.ErrorComment = comment[:64]
    return said


def _zone(dataset: Dataset, caller: Caller) -> tzinfo:
    """Whose clock the times are of: what the dataset says, else that of the station's site."""
    station = reading.text(dataset, "PerformedStationAETitle")
    device = Device.objects.select_related("site").filter(ae_title=station).first()
    return parse_utc_offset(reading.text(dataset, "TimezoneOffsetFromUTC")) or ZoneInfo(
        device.site.time_zone if device else caller.time_zone
    )


def _actor(caller: Caller) -> Actor:
    return Actor.peer(caller.ae_title or caller.address, caller.address)
