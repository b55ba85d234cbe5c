"""What a person may do about a report that is owed to an archive: send it again, or give it up."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.doorbell import ring
from ris.kernel.values import read_reason

from ..models import ReportSend
from . import states
from .routing import REPORTS
from .sender import clear_alarm_if_done


@transaction.atomic
def resend_report(send_id: int, *, reason: str, actor: Actor, at: datetime) -> ReportSend:
    """Send it (again), now: the same instance. Raises NotFound; Invalid without a reason."""
    read_reason(reason, "Say why.")
    send = ReportSend.objects.take(states.RESEND, send_id, due_at=at, sent_at=None, error="")
    return _told(send, "report.resend", reason, actor, at)


@transaction.atomic
def skip_report(send_id: int, *, reason: str, actor: Actor, at: datetime) -> ReportSend:
    """Give it up; what comes after it goes on. Raises NotFound, Conflict when it was sent; Invalid without a reason."""
    read_reason(reason, "Say why.")
    send = ReportSend.objects.take(states.SKIP, send_id, error=reason.strip()[:160])
    clear_alarm_if_done(send.archive, at=at)
    return _told(send, "report.skip", reason, actor, at)


def _told(send: ReportSend, action: str, reason: str, actor: Actor, at: datetime) -> ReportSend:
    patient_id = send.procedure.order.patient_id
    record(actor, action, send, patient_id=patient_id, reason=reason, at=at, archive=send.archive_id)
    ring(REPORTS)
    return send
