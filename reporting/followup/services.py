"""What changes follow-up recommendations: drafted, recommended with the signature, matched, done, closed, withdrawn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.alarms import clear_alarm
from ris.kernel.errors import Forbidden, Invalid, NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require, site_ids_for
from worklist.models import ReadingItem

from .. import states as report_states
from ..models import FollowUp, FollowUpReminder, Report, ReportVersion
from . import states

OVERDUE = "follow-up-overdue"
"""Alarm of a site: recommendations that nobody has seen to a month after their time."""
GRACE = {1: timedelta(0), 2: timedelta(days=14), 3: timedelta(days=30)}
"""Rung → after the last day: the owner, who signed, the leads."""
_TEXTS = {"what": 120, "modality": 16, "region": 32, "condition": 200, "reason": 200, "quote": 1000}


def _writable(item_id: int, reader: User) -> tuple[ReadingItem, Report]:
    """The case and its report, if the reader may recommend: the holder while it is written, then who may sign."""
    item = ReadingItem.objects.select_related("procedure__order", "site").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    require(reader, Can.READ_CASES, item.site_id)
    report = Report.objects.filter(item=item).first()
    if report is None:
        raise NotFound("Claim the case first: a recommendation belongs to its report.")
    if report.state == report_states.FINAL:
        require(reader, Can.SIGN_REPORTS, item.site_id)
    elif item.reader_id != reader.pk:
        raise Forbidden("Who holds the case recommends.", code="not-held")
    return item, report


@transaction.atomic
def save_follow_up(
    item_id: int, given: Mapping[str, Any], *, follow_up_id: int | None = None, reader: User, actor: Actor, at: datetime
) -> FollowUp:
    """Write a recommendation into the draft, or change one there; after the signature a new one stands at once.

    ``given``: kind, what, modality, region, earliest, latest, condition, reason, owner, source, quote. Raises NotFound,
    Forbidden; Invalid at the field that is wrong; Conflict for one that is no draft any more.
    """
    item, report = _writable(item_id, reader)
    values = _checked(given)
    if follow_up_id is not None:
        row = FollowUp.objects.filter(report=report).take(states.EDIT, follow_up_id, **values)
    else:
        row = FollowUp.objects.create(report=report, edition=report.edition, state=states.DRAFTED, made_by=reader,
                                      made_at=at, **values)  # fmt: skip
    record(actor, "follow-up.save", row, patient_id=item.procedure.order.patient_id, at=at)
    if report.state == report_states.FINAL:
        recommend_drafted(report, at=at)
        row.refresh_from_db()
    return row


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: str(given.get(name) or "").strip() for name in _TEXTS}
    for name, most in _TEXTS.items():
        if len(values[name]) > most:
            raise Invalid(f"More than {most} characters.", at=name)
    if not values["what"]:
        raise Invalid("Say what is recommended.", at="what")
    for name, choices, usual in (
        ("kind", FollowUp.KINDS, "exam"), ("owner", FollowUp.OWNERS, "referrer"), ("source", FollowUp.SOURCES, "form"),
    ):  # fmt: skip
        values[name] = given.get(name) or usual
        if values[name] not in dict(choices):
            raise Invalid(f"One of: {', '.join(dict(choices))}.", at=name)
    earliest, latest = given.get("earliest"), given.get("latest")
    first, last = earliest or latest, latest or earliest
    if first and last and first > last:
        raise Invalid("The last day is before the first.", at="latest")
    return values | {"earliest": first, "latest": last}


@transaction.atomic
def reject_offer(item_id: int, quote: str, *, reader: User, actor: Actor, at: datetime) -> FollowUp:
    """Note that a sentence which was offered is no recommendation; it is not offered again for this report."""
    item, report = _writable(item_id, reader)
    row = FollowUp.objects.create(report=report, edition=report.edition, state=states.REJECTED, made_by=reader,
                                  made_at=at, what="offer", source="text", quote=quote.strip()[:1000])  # fmt: skip
    record(actor, "follow-up.reject", row, patient_id=item.procedure.order.patient_id, at=at)
    return row


@transaction.atomic
def remove_draft(item_id: int, follow_up_id: int, *, reader: User, actor: Actor, at: datetime) -> FollowUp:
    """Take a recommendation out of the draft. Raises NotFound, Forbidden; Conflict once the report is signed."""
    item, report = _writable(item_id, reader)
    row = FollowUp.objects.filter(report=report, state=states.DRAFTED).take(states.WITHDRAW, follow_up_id)
    record(actor, "follow-up.remove", row, patient_id=item.procedure.order.patient_id, at=at)
    return row


def recommend_drafted(report: Report, *, at: datetime) -> int:
    """With the signature what was drafted is recommended, and its clock runs; how many. Idempotent."""
    drafted = FollowUp.objects.filter(report=report, edition=report.edition, state=states.DRAFTED)
    for row in drafted:
        due = rung_due(row, 1)
        FollowUp.objects.filter(pk=row.pk).take_all(states.RECOMMEND, recommended_at=at, next_rung_at=due)
    return len(drafted)


def rung_due(row: FollowUp, rung: int) -> datetime | None:
    """When a rung is climbed, from the end of the last day at the site. None without a day, or after the last rung."""
    if row.latest is None or rung not in GRACE:
        return None
    zone = ZoneInfo(row.report.item.site.time_zone)
    return datetime.combine(row.latest + timedelta(days=1), time(0), zone) + GRACE[rung]


def follow_corrected_text(version: ReportVersion, *, at: datetime) -> int:
    """Withdraw what was offered from a sentence that a correction no longer has; how many. What was typed stays."""
    withdrawn = 0
    rows = FollowUp.objects.filter(report=version.report, state__in=[states.DRAFTED, *states.OPEN]).exclude(quote="")
    for row in rows:
        if row.quote not in version.impression:
            withdrawn += withdraw_rows(FollowUp.objects.filter(pk=row.pk), at=at)
    return withdrawn


def withdraw_rows(rows: Any, *, at: datetime) -> int:
    """Withdraw these recommendations: nobody is reminded of them any more."""
    stopped = FollowUpReminder.objects.filter(follow_up__in=rows.values("pk"))
    stopped.take_all(FollowUpReminder.STOP)
    return int(rows.take_all(states.WITHDRAW, next_rung_at=None, done_at=at))


@transaction.atomic
def close_follow_up(follow_up_id: int, *, reason: str, note: str, by: User, actor: Actor, at: datetime) -> FollowUp:
    """Close one for a reason of ``FollowUp.REASONS``, though its exam was not done here.

    For who reads or leads at its site, and who ordered. Raises NotFound, Invalid, Conflict when it is not open.
    """
    row = follow_up_of(by, follow_up_id)
    if reason not in dict(FollowUp.REASONS):
        raise Invalid(f"It is closed for one of: {', '.join(dict(FollowUp.REASONS))}.", at="reason")
    if len(note) > 250:
        raise Invalid("More than 250 characters.", at="note")
    row = FollowUp.objects.take(states.CLOSE, row.pk, close_reason=reason, close_note=note.strip(), closed_by=by,
                                done_at=at, next_rung_at=None)  # fmt: skip
    settle(row, at=at)
    patient_id = row.report.procedure.order.patient_id
    record(actor, "follow-up.close", row, patient_id=patient_id, reason=reason, at=at)
    return row


def settle(row: FollowUp, *, at: datetime) -> None:
    """Nobody is reminded any more; the site's alarm ends with its last late one."""
    row.reminders.all().take_all(FollowUpReminder.STOP)
    site = row.report.item.site
    late = FollowUp.objects.filter(state__in=states.OPEN, rung=max(GRACE), report__item__site=site)
    if not late.exists():
        clear_alarm(OVERDUE, site.code, at=at)


def follow_up_of(viewer: User, follow_up_id: int) -> FollowUp:
    """A recommendation that the viewer may act on: at a site where they read or lead, or of their own order."""
    row = (
        FollowUp.objects.select_related("report__item__site", "report__procedure__order")
        .filter(pk=follow_up_id)
        .first()
    )
    sites = site_ids_for(viewer, Can.READ_CASES) | site_ids_for(viewer, Can.LEAD_READING)
    if row is None or not (row.report.item.site_id in sites or row.report.procedure.order.referrer_id == viewer.pk):
        raise NotFound("There is no such recommendation at your sites.")
    return row
