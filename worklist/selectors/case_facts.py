"""Cases as the rules see them: facts to price them by, needs to find readers by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Max, Q

from ris.orders.models import PerformedStep, RequestedProcedure
from worklist.models import AiFlag, ClockStart, Conflict, ReadingItem, Skip
from worklist.rules.eligibility import Needs
from worklist.rules.facts import PATIENT_CLASSES, Facts
from worklist.rules.pricing import Finding
from worklist.rules.score import reach_of
from worklist.states import CLAIMED, FINAL, PRELIMINARY

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Who read the last few knows the patient; a reader of years ago is no reason to prefer anybody.
PRIORS_LOOKED_AT = 5


def procedure_with_context(procedure_id: int) -> RequestedProcedure:
    """The procedure with all of its order that rules ask for, in one query. Raises DoesNotExist."""
    context = ("order__site", "order__patient", "order__visit", "procedure__subspecialty")
    return RequestedProcedure.objects.select_related(*context).get(pk=procedure_id)


def facts_of(
    requested: RequestedProcedure,
    at: datetime,
    *,
    item: ReadingItem | None = None,
    findings: list[Finding] | None = None,
    covered: bool = True,
    compared: bool = False,
) -> Facts:
    """The facts of a case at a moment. ``requested`` as from :func:`procedure_with_context`.

    ``covered``, ``compared``: whether somebody with the skill is on shift, and whether it is known who read the prior.
    """
    order, kind = requested.order, requested.procedure
    local = at.astimezone(ZoneInfo(order.site.time_zone))
    marks = item.marks if item else []
    positive = [f.code for f in findings or [] if f.positive]
    return Facts(
        site=order.site.code,
        modality=requested.modality,
        region=kind.body_region if kind else "",
        procedure=requested.code,
        subspecialty=kind.subspecialty.code if kind else "",
        laterality=requested.laterality,
        priority=order.priority,
        patient_class=PATIENT_CLASSES.get(order.visit.patient_class, "") if order.visit else "",
        visit_state=order.visit.state if order.visit else "",
        age=age_on(order.patient.birth_date, local.date()),
        sex=order.patient.sex,
        referrer=order.ordering_provider_id or order.ordering_provider,
        source=order.source,
        reason=order.reason,
        reading_minutes=float(kind.reading_minutes) if kind else 6.0,
        hour=local.hour,
        weekday=WEEKDAYS[local.weekday()],
        patient_waiting="patient waiting" in marks,
        discharge_pending="discharge pending" in marks or bool(order.visit and order.visit.discharge_pending),
        ai_positive=bool(positive),
        ai_findings=tuple(sorted(positive)),
        prior_reader=compared,
        covered=covered,
        flags=tuple(order.flags),
    )


def age_on(born: date | None, day: date) -> int | None:
    """Full years on a day, None when the date of birth is not known."""
    if born is None or born > day:
        return None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def findings_of(item: ReadingItem, at: datetime) -> list[Finding]:
    """The AI results of an item that still count."""
    flags = AiFlag.objects.filter(item=item, expires_at__gt=at).order_by("result_at", "pk")
    return [Finding(f.code, f.positive, f.ppv, f.result_at) for f in flags]


def prior_readers(item: ReadingItem, patient_id: int) -> frozenset[int]:
    """Who signed this patient's latest reports of the same region or subspecialty."""
    priors = ReadingItem.objects.filter(state=FINAL, procedure__order__patient=patient_id).exclude(pk=item.pk)
    related = priors.filter(region=item.region) | priors.filter(pool=item.pool)
    latest = related.order_by("-finished_at").values_list("reader", flat=True)[:PRIORS_LOOKED_AT]
    return frozenset(pk for pk in latest if pk)


def needs_of(item: ReadingItem, at: datetime) -> Needs:
    """What the item asks of its reader. ``item.procedure.order.patient`` should be at hand."""
    order = item.procedure.order
    held = ReadingItem.objects.filter(state=CLAIMED, procedure__order__patient=order.patient_id).exclude(pk=item.pk)
    return Needs(
        site_id=item.site_id,
        pool=item.pool,
        modality=item.modality,
        region=item.region,
        # By the date in UTC, as in the next-case statement (values["today"]): the two must agree at midnight.
        age=age_on(order.patient.birth_date, at.date()),
        urgency=item.urgency,
        reading_minutes=item.reading_minutes,
        reach=max(item.reach, reach_of(item.lane) if item.lane is not None else 0),
        awaits_signer=item.state == PRELIMINARY,
        preliminary_by=item.preliminary_by_id,
        second_reader=item.second_reader,
        reserved_for=item.reserved_for_id,
        teaching=item.teaching,
        skill_needed=item.skill_needed_id,
        ordered_by=order.referrer_id,
        conflicted=frozenset(Conflict.objects.filter(patient=order.patient_id).values_list("reader_id", flat=True)),
        skipped_by=frozenset(Skip.objects.filter(item=item.pk).values_list("reader_id", flat=True)),
        prior_readers=prior_readers(item, order.patient_id),
        holders_of_patient=frozenset(pk for pk in held.values_list("reader", flat=True) if pk),
        team=item.team or _team_of(item),
        team_first=_is_for_team_first(item, at),
    )


def _is_for_team_first(item: ReadingItem, at: datetime) -> bool:
    waits = item.state == PRELIMINARY and item.team != ""
    return waits and item.team_until is not None and at < item.team_until


def _team_of(item: ReadingItem) -> str:
    first = item.preliminary_by
    profile = getattr(first, "reader_profile", None) if first else None
    return profile.team if profile else ""


@dataclass(frozen=True, slots=True)
class Began:
    """``known`` False: the event has not happened, or nobody said so; until then the opening counts."""

    event: str
    at: datetime
    known: bool = True


def clock_of(requested: RequestedProcedure, opened_at: datetime) -> Callable[[int], Began]:
    """Urgency class → when the clock of a case of that class began. ``requested`` with its order."""
    here = Q(site=requested.order.site_id) | Q(site=None)
    rows = list(ClockStart.objects.filter(here, modality__in=["", requested.modality]))

    def began(urgency: int) -> Began:
        fit = [row for row in rows if row.urgency in (None, urgency)]
        # The most specific row: a site counts for more than a class, a class for more than a modality.
        row = max(fit, key=lambda r: (r.site_id is not None, r.urgency is not None, r.modality != ""), default=None)
        if row is None or row.event == ClockStart.OPENED:
            return Began(ClockStart.OPENED, opened_at)
        moment = _moment(row.event, requested)
        return Began(row.event, moment or opened_at, moment is not None)

    return began


def _moment(event: str, requested: RequestedProcedure) -> datetime | None:
    if event == ClockStart.ORDERED:
        return requested.order.placed_at
    if event == ClockStart.COMPLETED:
        done = PerformedStep.objects.filter(steps__procedure=requested.pk)
        ended: datetime | None = done.aggregate(last=Max("ended_at"))["last"]
        return ended
    study = getattr(requested, "study", None)
    return study.complete_at if study else None
