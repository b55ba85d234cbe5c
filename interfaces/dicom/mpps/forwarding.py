"""What devices tell is told on (IHE PPS Manager): stored first, sent later, retried for as long as it takes.

A failed forward never fails the modality: it happens in another transaction, another thread, another time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, OuterRef
from pydicom.dataset import Dataset
from pynetdicom.sop_class import ModalityPerformedProcedureStep  # type: ignore[attr-defined]

from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.doorbell import ring

from ..encoding.datasets import decode_dataset, encode_dataset
from ..models import Mpps, MppsForward, MppsTarget
from ..scu.association import Unreachable, open_association, read_status

log = structlog.get_logger(__name__)

FORWARD = "dicom-forward"
"""Doorbell: something may be owed to an MPPS target."""
ALARM = "mpps-forward"
LONGEST_PAUSE = timedelta(minutes=10)
DUPLICATE = 0x0111


def owe(mpps: Mpps, said: Dataset, *, creates: bool, at: datetime) -> None:
    """Queue an N-CREATE or N-SET for every target, in the transaction of whoever heard it."""
    targets = MppsTarget.objects.filter(enabled=True)
    made = [
        MppsForward(mpps=mpps, target=target, creates=creates, dataset=encode_dataset(said), due_at=at)
        for target in targets
    ]
    if made:
        MppsForward.objects.bulk_create(made)
        ring(FORWARD)


def send_owed(*, at: datetime, limit: int = 200) -> int:
    """Send what is due, the oldest of each target and exam first; return how many were taken.

    One association per target. The first failure ends the target's turn and postpones what is first in line.
    """
    sent = 0
    for target in MppsTarget.objects.filter(enabled=True):
        due = _due(target, at)[:limit]
        if due:
            sent += _send_to(target, due, at)
    return sent


def _due(target: MppsTarget, at: datetime) -> list[MppsForward]:
    earlier = MppsForward.objects.filter(
        target=target, mpps=OuterRef("mpps"), state=MppsForward.OWED, pk__lt=OuterRef("pk"), due_at__gt=at
    )
    owed = MppsForward.objects.filter(target=target, state=MppsForward.OWED, due_at__lte=at)
    return list(owed.exclude(Exists(earlier)).select_related("mpps").order_by("pk"))


def _send_to(target: MppsTarget, due: list[MppsForward], at: datetime) -> int:
    sent = 0
    current = due[0]
    try:
        with open_association(target, ModalityPerformedProcedureStep) as association:
            for current in due:
                _send(association, current)
                MppsForward.objects.filter(pk=current.pk).update(state=MppsForward.SENT, sent_at=at, error="")
                sent += 1
    except Unreachable as error:
        _postpone(current, str(error), at)
        raise_alarm(ALARM, target.name, detail=str(error), at=at)
    else:
        clear_alarm(ALARM, target.name, at=at)
    return sent


def _send(association: object, forward: MppsForward) -> None:
    said, uid = decode_dataset(forward.dataset), forward.mpps.uid
    send = association.send_n_create if forward.creates else association.send_n_set  # type: ignore[attr-defined]
    status = read_status(send(said, ModalityPerformedProcedureStep, uid)[0])
    taken = status in (0x0000, 0x0001) or (forward.creates and status == DUPLICATE)
    if not taken:
        raise Unreachable(f"answered with status {status:04X}")


def _postpone(forward: MppsForward, why: str, at: datetime) -> None:
    attempts = forward.attempts + 1
    pause = min(timedelta(seconds=2**attempts), LONGEST_PAUSE)
    MppsForward.objects.filter(pk=forward.pk).update(attempts=attempts, due_at=at + pause, error=why[:120])
    log.warning("dicom.forward-waits", target=forward.target_id, attempts=attempts)
