"""MPPS messages forwarded to other managers (IHE PPS Manager, RAD TF-2 4.6 and 4.7): stored first, sent later.

A failed forward never fails the modality: it happens in another transaction, another thread, another time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError
from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.sop_class import ModalityPerformedProcedureStep  # type: ignore[attr-defined]

from ris.kernel.alarms import clear_alarm
from ris.kernel.queue import Backoff, Queue, start_clock

from .. import states
from ..models import MppsForward, MppsTarget
from ..scu.association import Unreachable, open_association, read_status
from .dataset import decode_dataset

log = structlog.get_logger(__name__)

DUPLICATE, PROCESSING_FAILURE, NO_LONGER_UPDATABLE = 0x0111, 0x0110, 0xA710

QUEUE = Queue(
    MppsForward,
    states.FORWARDS,
    Backoff(first_s=2, longest_s=600),
    claim_timeout=timedelta(minutes=2),  # longer than the association's own time-outs (scu.association) together
    alarm="mpps-forward",
    lane=("target", "mpps"),
)


def send_forwards(*, at: datetime, limit: int = 200) -> int:
    """Send what is due, the oldest of each target and exam first; return how many the targets accepted.

    One association per target. The first failure ends the target's turn and postpones what is first in line. Safe to
    run by several workers at once.
    """
    sent = 0
    for target in MppsTarget.objects.filter(enabled=True):
        due = list(QUEUE.due(at).filter(target=target).select_related("mpps")[:limit])
        if due:
            sent += _send_to(target, due, at)
    return sent


def _send_to(target: MppsTarget, due: list[MppsForward], at: datetime) -> int:
    sent = 0
    claimed: MppsForward | None = None
    clock = start_clock(at)
    try:
        with open_association(target, ModalityPerformedProcedureStep) as association:
            for forward in due:
                if not QUEUE.claim(forward, clock()):
                    continue  # another worker has it or one before it
                claimed = forward
                _send(association, forward)
                sent += QUEUE.complete(forward, sent_at=at)
                claimed = None
    except DatabaseError:
        raise
    except Exception as error:  # one that cannot be sent must not keep other targets from their turn
        reason = str(error) if isinstance(error, Unreachable) else f"cannot be sent ({type(error).__name__})"
        _postpone(claimed, due, target, reason, clock())
    else:
        if sent:
            clear_alarm(QUEUE.alarm, target.name, at=at)
    return sent


def _postpone(
    claimed: MppsForward | None, due: list[MppsForward], target: MppsTarget, reason: str, at: datetime
) -> None:
    """Postpone the claimed forward; where the association already failed, the first that can be claimed."""
    failed = claimed or next((forward for forward in due if QUEUE.claim(forward, at)), None)
    if failed is not None:
        QUEUE.postpone(failed, reason, subject=target.name, at=at)
        log.warning("dicom.forward-waits", target=target.pk, attempts=failed.attempts)


def _send(association: Association, forward: MppsForward) -> None:
    """Send one message. Raises Unreachable for any answer but success, or one that says that it came before.

    A sender may die between the target's answer and its own note of it, so the message is sent again: an N-CREATE is
    then a duplicate (0111), and an N-SET that ended the step finds it no longer updatable (0110 with Error ID A710).
    """
    dataset, uid = decode_dataset(forward.dataset), forward.mpps.uid
    send = association.send_n_create if forward.creates else association.send_n_set
    answer = send(dataset, ModalityPerformedProcedureStep, uid)[0]
    status = read_status(answer)
    is_repeated = forward.attempts > 1  # this claim is counted
    came_before = status == DUPLICATE if forward.creates else is_repeated and _is_over(answer)
    if status not in (0x0000, 0x0001) and not came_before:
        raise Unreachable(f"answered with status {status:04X}")


def _is_over(answer: Dataset) -> bool:
    """Whether the target says that the step may no longer be updated (PS3.4 F.7.2.2.3)."""
    return int(answer.Status) == PROCESSING_FAILURE and answer.get("ErrorID") == NO_LONGER_UPDATABLE
