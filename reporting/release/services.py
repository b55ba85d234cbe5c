"""Reports reach their patients: decided at each release, opened when due, held and given by people, withdrawn."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict
from ris.kernel.states import Step
from ris.kernel.values import read_reason

from ..models import PatientRelease, Report, ReportVersion
from . import states
from .policies import rules_in_force
from .policy import NEVER, ReleaseDecision, decide_release
from .selectors import facts_of_result, newest_version

BY_RULE = Actor.job("release policy")


@transaction.atomic
def decide(version_id: int, *, at: datetime) -> PatientRelease | None:
    """Decide about a version that was released just now; None when a later one came, which has its own decision.

    The policy in force counts, from the moment of the signature. What somebody holds stays held. Idempotent.
    """
    version = ReportVersion.objects.select_related("report__procedure__order__patient").get(pk=version_id)
    report = version.report
    if newest_version(report) != version or version.kind == ReportVersion.RETRACTED:
        return None
    number, rules = rules_in_force()
    facts = facts_of_result(report, kind=version.kind, level=_level(version), on=version.signed_at)
    decision = decide_release(rules, facts, at=version.signed_at)
    release = _row(report)
    if release.reported_id == version.pk:
        return release
    step = states.KEEP_HELD if release.state == states.HELD else _step(decision, at)
    opened = {"opened_at": at} if step is states.DECIDE_TO_OPEN else {}
    release = PatientRelease.objects.take(
        step, release.pk, reported=version, then=decision.then, because=decision.because[:250], policy_number=number,
        due_at=decision.due_at, waits_for_referrer=decision.waits_for_referrer, **opened,
    )  # fmt: skip
    _record(BY_RULE, "release.decide", release, at, then=decision.then, policy=number, version=version.number)
    return release


def _level(version: ReportVersion) -> str:
    """The worst that the patient would read: of an addendum, also what the text that it adds to says."""
    holding = version.report.versions.filter(edition=version.edition, number__lte=version.number)
    since = holding.exclude(kind=ReportVersion.ADDENDUM).order_by("-number").values_list("number", flat=True).first()
    levels = set(holding.filter(number__gte=since or 0).values_list("critical_level", flat=True))
    return next((level for level in ("red", "orange", "yellow") if level in levels), "")


def _step(decision: ReleaseDecision, at: datetime) -> Step:
    if decision.due_at is None:
        return states.DECIDE_TO_WITHHOLD
    return states.DECIDE_TO_OPEN if decision.due_at <= at else states.DECIDE_TO_WAIT


def _row(report: Report) -> PatientRelease:
    row, _ = PatientRelease.objects.get_or_create(
        report=report, edition=report.edition, defaults={"state": states.WAITING}
    )
    return row


def _record(actor: Actor, action: str, release: PatientRelease, at: datetime, **detail: Any) -> None:
    reason = detail.pop("reason", "")
    patient_id = release.report.procedure.order.patient_id
    record(actor, action, release, patient_id=patient_id, reason=reason, at=at, report=release.report_id, **detail)


def open_due(*, at: datetime) -> int:
    """Open what is due by ``at``; say how many. Safe to run any number of times at once."""
    due = PatientRelease.objects.filter(state=states.WAITING, due_at__lte=at, reported__isnull=False)
    return sum(_fall_due(pk, at) for pk in due.values_list("pk", flat=True)[:1000])


@transaction.atomic
def _fall_due(release_id: int, at: datetime) -> int:
    due = PatientRelease.objects.filter(pk=release_id, due_at__lte=at)
    taken = due.take_all(states.FALL_DUE, opened_at=at)
    if taken:
        _record(BY_RULE, "release.open", PatientRelease.objects.get(pk=release_id), at)
    return taken


@transaction.atomic
def open_seen(report_id: int, version_id: int, *, at: datetime) -> None:
    """The referrer has opened this version: what waited for that is open."""
    waiting = PatientRelease.objects.filter(report=report_id, reported=version_id, waits_for_referrer=True)
    for release in waiting.filter(state=states.WAITING).select_related("report__procedure__order"):
        if PatientRelease.objects.filter(pk=release.pk).take_all(states.FALL_DUE, opened_at=at):
            _record(BY_RULE, "release.open", release, at, seen=True)


@transaction.atomic
def hold(report: Report, *, reason: str, holder: Any, actor: Actor, at: datetime) -> PatientRelease:
    """Keep a report from its patient, signed or not yet, until somebody lets it go. Audited as ``release.hold``.

    Raises Invalid without a reason, Conflict when it is held already or was withdrawn. Who may: the caller asks
    ``selectors.may_decide``.
    """
    reason = read_reason(reason, "Say why the patient is not to see the report yet.")
    held = PatientRelease.objects.take(
        states.HOLD, _row(report).pk, held_by=holder, held_at=at, hold_reason=reason, opened_at=None
    )
    _record(actor, "release.hold", held, at, reason=reason)
    return held


@transaction.atomic
def let_go(report: Report, *, actor: Actor, at: datetime) -> PatientRelease:
    """End the hold: what the policy said counts again. Raises Conflict when nobody holds it."""
    release = PatientRelease.objects.take(
        states.LET_GO, _row(report).pk, held_by=None, held_at=None, hold_reason=""
    )  # fmt: skip
    if release.reported_id and release.then == NEVER:
        release = PatientRelease.objects.take(states.DECIDE_TO_WITHHOLD, release.pk)
    elif release.reported_id and release.due_at and release.due_at <= at:
        release = PatientRelease.objects.take(states.FALL_DUE, release.pk, opened_at=at)
    _record(actor, "release.let-go", release, at)
    return release


@transaction.atomic
def give(report: Report, *, reason: str, actor: Actor, at: datetime) -> PatientRelease:
    """Let the patient see it now, whatever the policy says. Audited as ``release.give``.

    Raises Invalid without a reason, Conflict where nothing was signed, or it is open already.
    """
    reason = read_reason(reason, "Say why the patient is to see the report now.")
    release = _row(report)
    if release.reported_id is None or newest_version(report) != release.reported:
        raise Conflict("Nothing was released that the patient could see. Sign the report first.")
    release = PatientRelease.objects.take(
        states.GIVE, release.pk, opened_at=at, held_by=None, held_at=None, hold_reason=""
    )
    _record(actor, "release.give", release, at, reason=reason)
    return release


@transaction.atomic
def withdraw(version_id: int, *, at: datetime) -> None:
    """A report was retracted: its patient sees nothing of that edition any more."""
    version = ReportVersion.objects.get(pk=version_id)
    gone = PatientRelease.objects.filter(report=version.report_id, edition=version.edition)
    for release in gone.select_related("report__procedure__order"):
        if PatientRelease.objects.filter(pk=release.pk).take_all(
            states.WITHDRAW, held_by=None, held_at=None, hold_reason=""
        ):
            _record(BY_RULE, "release.withdraw", release, at)
