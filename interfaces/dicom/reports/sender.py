"""Reports are sent to archives, in order, for as long as it takes. Run by a task; safe to run by several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef
from pydicom.dataset import Dataset

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.errors import Conflict

from ..models import Archive, ReportRoute, ReportSend
from ..scu.association import Unreachable, open_association, read_status
from ..scu.study_query import build_dicomweb_client
from . import states
from .instances import STORAGE_CLASSES, load_file, parse_file

log = structlog.get_logger(__name__)

ALARM = "report-not-stored"
LONGEST_PAUSE = timedelta(minutes=10)
CLAIM_TIMEOUT = timedelta(minutes=2)
"""Whoever takes a send has so long before another may take it: longer than a send lasts."""
STORED_STATUSES = frozenset({0x0000, 0xB000, 0xB006, 0xB007, 0x0111})
"""C-STORE statuses with which the archive has it: success, its warnings (PS3.4 B.2.3), duplicate SOP instance."""

Store = Callable[[Dataset], None]


class NotStored(Exception):
    """The archive is there and will not have this one. Its words carry no patient."""


def send_due(*, at: datetime, limit: int = 200) -> int:
    """Send what is due, of each archive and procedure the oldest first; return how many were taken.

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
    owed = ReportSend.objects.filter(archive=archive, state=states.QUEUED)
    held = owed.filter(procedure=OuterRef("procedure"), pk__lt=OuterRef("pk"), due_at__gt=at)
    due = owed.filter(way=way, due_at__lte=at).exclude(Exists(held)).order_by("pk")[:limit]
    return list(due.select_related("object", "procedure__order").defer("object__file"))


def _send_to(archive: Archive, way: str, due: list[ReportSend], at: datetime) -> int:
    sent, wrong = 0, ""
    held: set[int] = set()
    current = due[0]
    try:
        with _line(archive, way, due) as store:
            for current in due:
                if current.procedure_id in held or not _claim(current, at):
                    held.add(current.procedure_id)  # another worker has it, or an earlier one waits
                    continue
                try:
                    store(_made(current))
                except NotStored as refusal:
                    wrong = str(refusal)
                    _postpone(current, wrong, at)
                    held.add(current.procedure_id)
                else:
                    _mark_sent(current, at)
                    sent += 1
    except Unreachable as error:
        wrong = str(error)
        _postpone(current, wrong, at)
    if wrong:
        raise_alarm(ALARM, archive.name, detail=wrong, at=at)
    else:
        clear_alarm_if_done(archive, at=at)
    return sent


def clear_alarm_if_done(archive: Archive, *, at: datetime) -> None:
    """The archive's alarm is over once nothing waits for it that was tried in vain."""
    if not ReportSend.objects.filter(archive=archive, state=states.QUEUED, attempts__gt=0).exists():
        clear_alarm(ALARM, archive.name, at=at)


def _made(send: ReportSend) -> Dataset:
    """Its document. One that cannot be made must not keep the others from being sent."""
    try:
        return parse_file(load_file(send.object_id))
    except DatabaseError:
        raise
    except Exception as error:
        log.exception("dicom.report-not-made", object=send.object_id)
        raise NotStored(f"The document cannot be made ({type(error).__name__})") from None


def _claim(send: ReportSend, at: datetime) -> bool:
    """Of two workers one gets it: the due time is moved on by whoever does."""
    same = ReportSend.objects.filter(pk=send.pk, state=states.QUEUED, due_at=send.due_at)
    return bool(same.update(due_at=at + CLAIM_TIMEOUT))


@transaction.atomic
def _mark_sent(send: ReportSend, at: datetime) -> None:
    try:
        ReportSend.objects.take(states.MARK_SENT, send.pk, sent_at=at, attempts=send.attempts + 1, error="")
    except Conflict:  # it was skipped while it was on its way
        return
    patient_id = send.procedure.order.patient_id
    record(Actor.job("reports"), "report.store", send, patient_id=patient_id, at=at, archive=send.archive_id)


def _postpone(send: ReportSend, why: str, at: datetime) -> None:
    attempts = send.attempts + 1
    pause = min(timedelta(seconds=2 ** min(attempts, 10)), LONGEST_PAUSE)
    waiting = ReportSend.objects.filter(pk=send.pk, state=states.QUEUED)
    waiting.update(attempts=attempts, due_at=at + pause, error=why[:160])
    log.warning("dicom.report-waits", archive=send.archive_id, attempts=attempts)


@contextmanager
def _line(archive: Archive, way: str, due: list[ReportSend]) -> Iterator[Store]:
    if way == ReportRoute.STOW:
        yield _stow(archive)
        return
    with open_association(archive, *sorted({STORAGE_CLASSES[send.object.form] for send in due})) as association:

        def store(said: Dataset) -> None:
            try:
                status = read_status(association.send_c_store(said))
            except ValueError:
                raise NotStored(f"{archive.ae_title} accepts no {said.SOPClassUID.name}") from None
            except RuntimeError:
                raise Unreachable(f"{archive.ae_title} ended the association") from None
            if status not in STORED_STATUSES:
                raise NotStored(f"C-STORE answered with status {status:04X}")

        yield store


def _stow(archive: Archive) -> Store:
    if not archive.dicomweb:
        raise Unreachable(f"{archive.name} has no DICOMweb address")
    client = build_dicomweb_client(archive)

    def store(said: Dataset) -> None:
        try:
            answer = client.store_instances([said], study_instance_uid=said.StudyInstanceUID)
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
