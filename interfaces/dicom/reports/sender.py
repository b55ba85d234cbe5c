"""Reports are sent to archives, in order, for as long as it takes. Run by a task; safe to run by several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog
from django.db import DatabaseError, transaction
from pydicom.dataset import Dataset

from ris.audit.services import Actor, record
from ris.kernel.queue import start_clock

from .. import states
from ..models import Archive, ReportRoute, ReportSend
from ..scu.association import Unreachable, open_association, read_status
from ..scu.query_retrieve import build_dicomweb_client
from .instances import STORAGE_CLASSES, load_file, parse_file
from .services import QUEUE, clear_alarm_if_done

log = structlog.get_logger(__name__)

# 0111 is what an archive answers that had it from an earlier try: our note of that was lost.
STORED_STATUSES = frozenset({0x0000, 0xB000, 0xB006, 0xB007, 0x0111})
"""C-STORE statuses with which the archive has it: success, its warnings (PS3.4 B.2.3), duplicate SOP instance."""

Store = Callable[[Dataset], None]


class NotStored(Exception):
    """The archive is there and will not have this one. Its words carry no patient."""


def send_due(*, at: datetime, limit: int = 200) -> int:
    """Send what is due, of each archive and procedure the oldest first; return how many were stored.

    What an archive will not have holds what comes after it of the same procedure only. An archive that cannot be
    reached is left alone until the next round.
    """
    sent = 0
    for archive in Archive.objects.filter(enabled=True, report_sends__state=states.QUEUED).distinct().order_by("pk"):
        for way, _ in ReportRoute.WAYS:
            due = _due(archive, way, at, limit)
            if due:
                sent += _send_to(archive, way, due, at)
    return sent


def _due(archive: Archive, way: str, at: datetime, limit: int) -> list[ReportSend]:
    due = QUEUE.due(at).filter(archive=archive, way=way)[:limit]
    return list(due.select_related("object", "procedure__order").defer("object__file"))


def _send_to(archive: Archive, way: str, due: list[ReportSend], at: datetime) -> int:
    sent, failed = 0, False
    claimed: ReportSend | None = None
    clock = start_clock(at)
    try:
        with _open_line(archive, way, due) as store:
            for send in due:
                if not QUEUE.claim(send, clock()):
                    continue  # another worker has it, or one before it of the same procedure waits
                claimed = send
                try:
                    store(_build(claimed))
                except NotStored as refusal:
                    failed = True
                    _postpone(claimed, archive, str(refusal), clock())
                else:
                    sent += _mark_sent(claimed, at)
                claimed = None
    except Unreachable as error:
        failed = True
        first = claimed or next((send for send in due if QUEUE.claim(send, clock())), None)
        if first is not None:
            _postpone(first, archive, str(error), clock())
    if not failed:
        clear_alarm_if_done(archive, at=at)
    return sent


def _build(send: ReportSend) -> Dataset:
    """Its document. One that cannot be made must not keep the others from being sent."""
    try:
        return parse_file(load_file(send.object_id))
    except DatabaseError:
        raise
    except Exception as error:
        log.exception("dicom.report-not-made", object=send.object_id)
        raise NotStored(f"The document cannot be made ({type(error).__name__})") from None


@transaction.atomic
def _mark_sent(send: ReportSend, at: datetime) -> bool:
    if not QUEUE.complete(send, sent_at=at):  # it was skipped while it was on its way
        return False
    patient_id = send.procedure.order.patient_id
    record(Actor.job("reports"), "report.store", send, patient_id=patient_id, at=at, archive=send.archive_id)
    return True


def _postpone(send: ReportSend, archive: Archive, reason: str, at: datetime) -> None:
    QUEUE.postpone(send, reason, subject=archive.name, at=at)
    log.warning("dicom.report-waits", archive=archive.pk, attempts=send.attempts)


@contextmanager
def _open_line(archive: Archive, way: str, due: list[ReportSend]) -> Iterator[Store]:
    if way == ReportRoute.STOW:
        yield _stow(archive)
        return
    with open_association(archive, *sorted({STORAGE_CLASSES[send.object.form] for send in due})) as association:

        def store(dataset: Dataset) -> None:
            try:
                status = read_status(association.send_c_store(dataset))
            except ValueError:
                raise NotStored(f"{archive.ae_title} accepts no {dataset.SOPClassUID.name}") from None
            except RuntimeError:
                raise Unreachable(f"{archive.ae_title} ended the association") from None
            if status not in STORED_STATUSES:
                raise NotStored(f"C-STORE answered with status {status:04X}")

        yield store


def _stow(archive: Archive) -> Store:
    if not archive.dicomweb:
        raise Unreachable(f"{archive.name} has no DICOMweb address")
    client = build_dicomweb_client(archive)

    def store(dataset: Dataset) -> None:
        try:
            answer = client.store_instances([dataset], study_instance_uid=dataset.StudyInstanceUID)
        except Exception as error:  # whatever the HTTP library raises; its words may quote what was sent
            response = getattr(error, "response", None)
            if response is None:
                raise Unreachable(f"STOW-RS failed ({type(error).__name__})") from None
            raise NotStored(f"STOW-RS answered with HTTP {response.status_code}") from None
        for failed in answer.get("FailedSOPSequence") or []:
            reason = int(failed.get("FailureReason") or 0)
            if reason not in STORED_STATUSES:
                raise NotStored(f"STOW-RS: not stored, reason {reason:04X}")

    return store
