"""Modality Performed Procedure Step SCP (PS3.4 F.7, F.8): N-CREATE, N-SET and N-GET of devices, and their statuses.

Refused is only what the state rules of the standard refuse. Everything else is kept, noted as a violation and
answered with success: a scanner is never stopped over a comment.
"""

from __future__ import annotations

import structlog
from pydicom.dataset import Dataset

from ris.kernel.clock import now
from ris.kernel.errors import Conflict
from ris.kernel.values import new_uid

from ..models import Mpps
from ..upper_layer.admission import Caller
from ..upper_layer.n_services import Answer, NRequest
from . import dataset as reading
from .dataset import decode_dataset
from .services import apply_changes, start_from_mpps

log = structlog.get_logger(__name__)

SUCCESS, SOME_NOT_TAKEN = 0x0000, 0x0001
INVALID_VALUE, PROCESSING_FAILURE, DUPLICATE, UNKNOWN_INSTANCE = 0x0106, 0x0110, 0x0111, 0x0112
MISSING_ATTRIBUTE, MISSING_VALUE = 0x0120, 0x0121
NO_LONGER_UPDATABLE = 0xA710
"""Error ID that goes with 0110 (PS3.4 F.7.2.2.3)."""


def create(event: NRequest, caller: Caller) -> Answer:
    """N-CREATE: an exam has begun (IHE RAD-6)."""
    dataset = event.attribute_list
    missing = reading.find_missing(dataset)
    if missing:
        _, name, status = missing
        return refusal(status, f"{name} is missing"), None
    if reading.text(dataset, "PerformedProcedureStepStatus") != reading.IN_PROGRESS:
        return refusal(INVALID_VALUE, "A step is created IN PROGRESS"), None
    uid = event.instance_uid or new_uid()  # a device may leave the choice to us (PS3.7 10.1.5.1.4)
    at = now()
    try:
        start_from_mpps(uid, dataset, caller, at=at)
    except Conflict:
        return refusal(DUPLICATE, "This SOP Instance exists already"), None
    answer = Dataset()
    if not event.instance_uid:
        answer.AffectedSOPInstanceUID = uid
    return SUCCESS, answer


def set_(event: NRequest, caller: Caller) -> Answer:
    """N-SET: more is known, or the exam is over (IHE RAD-7)."""
    changes = event.attribute_list
    status = reading.text(changes, "PerformedProcedureStepStatus")
    if status and status not in (reading.IN_PROGRESS, reading.COMPLETED, reading.DISCONTINUED):
        return refusal(INVALID_VALUE, "No such Performed Procedure Step Status"), None
    try:
        applied = apply_changes(event.instance_uid, changes, status, caller, at=now())
    except Mpps.DoesNotExist:
        return refusal(UNKNOWN_INSTANCE, "No such SOP Instance"), None
    except Conflict:
        over = refusal(PROCESSING_FAILURE, "Performed Procedure Step may no longer be updated")
        over.ErrorID = NO_LONGER_UPDATABLE
        return over, None
    return (SOME_NOT_TAKEN if applied.dropped else SUCCESS), Dataset()


def get(event: NRequest, caller: Caller) -> Answer:
    """N-GET (MPPS Retrieve): what we were told, or the attributes of it that are asked for."""
    mpps = Mpps.objects.filter(uid=event.instance_uid).first()
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


def refusal(status: int, comment: str) -> Dataset:
    """A status with its Error Comment."""
    answer = Dataset()
    answer.Status = status
    answer.ErrorComment = comment[:64]  # LO (PS3.7 C.4.2)
    return answer
