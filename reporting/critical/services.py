"""What changes critical findings: marked, changed, withdrawn, acknowledged; a communication recorded; limits set."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from ris.audit.services import Actor, record
from ris.catalog.models import Site
from ris.kernel import doorbell
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.errors import Invalid, NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require

from ..models import Communication, CriticalFinding, CriticalLimit, CriticalMessage, Report, ReportVersion
from . import states
from .limits import PERSON, limit_minutes, rung_moment

TELL = "critical-tell"
"""Doorbell: a rung or a message may be due."""
UNACKNOWLEDGED = "critical-unacknowledged"
"""Alarm: the limit is over and nobody has acknowledged."""
LINK_LOCKED = "critical-link-locked"
"""Alarm: somebody tried PINs on a link."""
WITHDRAWN_AFTER_TELLING = "critical-withdrawn"
"""Alarm: a finding of which somebody was told in person does not stand: a person has to call them again."""


def follow_mark(report: Report, *, by: User, at: datetime) -> None:
    """Bring the loop of a report's finding in line with its mark, in the transaction that writes the mark.

    A new mark begins a loop: its clock runs from then on, signed or not. A mark that is taken off withdraws it. While
    it is open it follows level and words; one that is acknowledged stays as it was, unless it becomes more urgent.
    """
    standing = CriticalFinding.objects.filter(report=report, addendum=None, state__in=states.STANDING)
    loop = standing.order_by("-pk").first()
    if not report.critical_level:
        if loop is not None:
            withdraw(loop, why="The mark was taken off.", at=at)
    elif loop is None:
        begin_loop(report, report.critical_level, report.critical_finding, by=by, at=report.critical_at or at)
    elif loop.state == states.OPEN:
        _follow_open(loop, report)
    elif _rank(report.critical_level) < _rank(loop.level):
        begin_loop(report, report.critical_level, report.critical_finding, by=by, at=at)


def follow_correction(version: ReportVersion, *, by: User, at: datetime) -> None:
    """After a correction: what was acknowledged in other words is told anew, since a person acts on the old ones."""
    report = version.report
    follow_mark(report, by=by, at=at)
    standing = CriticalFinding.objects.filter(report=report, addendum=None, state__in=states.STANDING)
    told = standing.order_by("-pk").first()
    if told is None or told.state != states.ACKNOWLEDGED or not version.critical_level:
        return
    if (told.level, told.text.strip()) != (version.critical_level, version.critical_finding):
        begin_loop(report, version.critical_level, version.critical_finding, by=by, at=at)


def _follow_open(loop: CriticalFinding, report: Report) -> None:
    if (loop.level, loop.text) == (report.critical_level, report.critical_finding):
        return
    changes: dict[str, object] = {"text": report.critical_finding}
    if loop.level != report.critical_level:
        # The clock still runs from the first mark: only how much time it has is another's.
        minutes = limit_minutes(report.item.site_id, report.critical_level)
        changes |= {"level": report.critical_level, "limit_minutes": minutes}
        changes["due_at"] = loop.marked_at + timedelta(minutes=minutes)
        changes["next_rung_at"] = rung_moment(loop.marked_at, minutes, loop.rung + 1)
        doorbell.ring(TELL)
    CriticalFinding.objects.filter(pk=loop.pk, state=states.OPEN).update(**changes)


def _rank(level: str) -> int:
    return ("red", "orange", "yellow").index(level)


def begin_loop(
    report: Report, level: str, text: str, *, by: User, at: datetime, addendum: ReportVersion | None = None
) -> CriticalFinding | None:
    """Begin a loop, whose clock starts ``at``; None where another save began it at this moment."""
    minutes = limit_minutes(report.item.site_id, level)
    try:
        with transaction.atomic():
            loop = CriticalFinding.objects.create(
                report=report, addendum=addendum, state=states.OPEN, level=level, text=text.strip(), marked_at=at,
                marked_by=by, limit_minutes=minutes, due_at=at + timedelta(minutes=minutes),
                next_rung_at=rung_moment(at, minutes, PERSON),
            )  # fmt: skip
    except IntegrityError:
        return None
    record(Actor.of_user(by), "critical.mark", loop, patient_id=_patient_of(loop), at=at, level=level)
    doorbell.ring(TELL)
    return loop


def withdraw(loop: CriticalFinding, *, why: str, at: datetime) -> None:
    """The finding does not stand: nobody is told of it any more, and who was told of it is told so."""
    CriticalFinding.objects.take(states.WITHDRAW, loop.pk, withdrawn_at=at, withdrawn_why=why, next_rung_at=None)
    told = list(loop.messages.filter(state__in=[CriticalMessage.SENT, CriticalMessage.SHOWN]).exclude(rung=0))
    loop.messages.all().take_all(CriticalMessage.STOP)
    rows = [
        CriticalMessage(
            finding=loop, rung=0, contact_id=row.contact_id, user_id=row.user_id, name=row.name, way=row.way,
            address=row.address, nonce=row.nonce, expires_at=row.expires_at, due_at=at,
            state=CriticalMessage.SHOWN if row.way == "screen" else CriticalMessage.OWED,
        )
        for row in told
    ]  # fmt: skip
    CriticalMessage.objects.bulk_create(rows, ignore_conflicts=True)
    clear_alarm(UNACKNOWLEDGED, subject_of(loop), at=at)
    if loop.communications.exists():
        raise_alarm(WITHDRAWN_AFTER_TELLING, subject_of(loop), detail="who was told of it must be called again", at=at)
    record(Actor.job("critical findings"), "critical.withdraw", loop, patient_id=_patient_of(loop), reason=why, at=at)
    doorbell.ring(TELL)


def withdraw_all(report: Report, *, why: str, at: datetime) -> None:
    """Withdraw every finding of a report that was retracted, or whose exam was cancelled."""
    for loop in report.critical_findings.filter(state__in=states.STANDING):
        withdraw(loop, why=why, at=at)


def subject_of(loop: CriticalFinding) -> str:
    """The subject of its alarms: site and accession number."""
    return f"{loop.report.item.site.code} {loop.report.item.accession}"


def _patient_of(loop: CriticalFinding) -> int:
    return loop.report.procedure.order.patient_id


@transaction.atomic
def acknowledge_finding(
    finding_id: int, *, by: User | None, name: str, how: str, received_at: datetime, actor: Actor, at: datetime
) -> CriticalFinding:
    """Close the loop: somebody has received the finding. Its ladder stops and its links open nothing any more.

    ``how``: link, screen or record. Of two who acknowledge the first stays written. Raises NotFound; Conflict when it
    was acknowledged already, or does not stand.
    """
    name = name.strip()[:120]
    if not name:
        raise Invalid("Say who acknowledges.", at="name")
    loop = CriticalFinding.objects.take(
        states.ACKNOWLEDGE, finding_id, acknowledged_at=received_at, acknowledged_by=by, acknowledged_name=name,
        acknowledged_how=how, next_rung_at=None,
    )  # fmt: skip
    waiting = loop.messages.filter(state__in=[CriticalMessage.OWED, CriticalMessage.SHOWN])
    waiting.take_all(CriticalMessage.STOP)
    for kind in (UNACKNOWLEDGED, LINK_LOCKED):
        clear_alarm(kind, subject_of(loop), at=at)
    record(actor, "critical.acknowledge", loop, patient_id=_patient_of(loop), at=at, how=how,
           within=received_at <= loop.due_at)  # fmt: skip
    return loop


@transaction.atomic
def record_communication(
    report_id: int,
    *,
    teller: User,
    receiver: str,
    receiver_role: str,
    told_at: datetime,
    how: str,
    read_back: bool,
    note: str = "",
    actor: Actor,
    at: datetime,
) -> Communication:
    """Keep who was told of a result, by whom, when and how. A direct way closes the report's open loop.

    Raises NotFound, Forbidden; Invalid for a field that is missing, too long, or a moment to come.
    """
    report = Report.objects.select_related("item__procedure__order").filter(pk=report_id).first()
    if report is None:
        raise NotFound("There is no such report.")
    require(teller, Can.READ_CASES, report.item.site_id)
    _check_communication(receiver, receiver_role, told_at, how, note, at)
    loop = report.critical_findings.filter(state=states.OPEN).order_by("due_at").first()
    row = Communication.objects.create(
        report=report, finding=loop, told_by=teller, receiver=receiver.strip(), receiver_role=receiver_role.strip(),
        told_at=told_at, how=how, read_back=read_back, note=note.strip(), recorded_at=at,
    )  # fmt: skip
    if loop is not None and how in Communication.DIRECT:
        acknowledge_finding(
            loop.pk, by=None, name=receiver, how="record", received_at=max(told_at, loop.marked_at), actor=actor, at=at
        )
    clear_alarm(WITHDRAWN_AFTER_TELLING, f"{report.item.site.code} {report.item.accession}", at=at)
    record(actor, "critical.communication", row, patient_id=report.procedure.order.patient_id, at=at, how=how)
    return row


def _check_communication(receiver: str, role: str, told_at: datetime, how: str, note: str, at: datetime) -> None:
    for name, text, most in (("receiver", receiver, 120), ("receiver_role", role, 60)):
        if not text.strip():
            raise Invalid("Say who was told, and in which role.", at=name)
        if len(text.strip()) > most:
            raise Invalid(f"More than {most} characters.", at=name)
    if len(note.strip()) > 500:
        raise Invalid("More than 500 characters.", at="note")
    if how not in dict(Communication.HOWS):
        raise Invalid(f"It was told in one of these ways: {', '.join(dict(Communication.HOWS))}.", at="how")
    if told_at > at + timedelta(minutes=1):
        raise Invalid("This moment is still to come.", at="told_at")
    if told_at < at - timedelta(days=30):
        raise Invalid("This moment is more than thirty days ago.", at="told_at")


@transaction.atomic
def set_limit(
    site: Site | None, level: str, minutes: int | None, *, by: User, actor: Actor, at: datetime
) -> CriticalLimit | None:
    """Set a site's limit of a level (without a site: everywhere); None takes it away. Loops that are open keep theirs.

    Raises Forbidden, NotFound for a foreign site; Invalid for a level or a number that cannot be.
    """
    require(by, Can.LEAD_READING, site.pk if site else None)
    if level not in ("red", "orange", "yellow"):
        raise Invalid("A critical finding is red, orange or yellow.", at="level")
    if minutes is not None and not 1 <= minutes <= 60 * 24 * 60:
        raise Invalid("A limit is from a minute to sixty days.", at="minutes")
    rows = CriticalLimit.objects.filter(site=site, level=level)
    if minutes is None:
        rows.delete()
    elif not rows.update(minutes=minutes):
        CriticalLimit.objects.create(site=site, level=level, minutes=minutes)
    subject = site if site is not None else by
    record(actor, "critical.limit", subject, at=at, level=level, minutes=minutes)
    return rows.first()


def stop_message(message: CriticalMessage) -> None:
    """Take a message off its person's screen: they have seen that the finding does not stand."""
    CriticalMessage.objects.filter(pk=message.pk).take_all(CriticalMessage.STOP)
