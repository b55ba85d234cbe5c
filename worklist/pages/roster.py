"""The roster on screen: a week of duties, shifts added and ended, single days that go differently."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.catalog.models import Subspecialty
from ris.kernel.clock import now
from ris.kernel.errors import Invalid, NotFound, Refusal
from ris.kernel.values import day_or_none, id_or_none
from ris.people.http import actor_of, go, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require, sites_for

from .. import services
from ..models import Holiday, Shift, ShiftChange
from ..selectors.access import colleague, colleagues
from ..selectors.lead import visible_shifts
from ..selectors.roster import roster
from ..services.roster import undo_change

DAYS = (("MO", "Mon"), ("TU", "Tue"), ("WE", "Wed"), ("TH", "Thu"), ("FR", "Fri"), ("SA", "Sat"), ("SU", "Sun"))


@require_safe
@page(Can.SEE_WORKLIST)
def show_week(request: HttpRequest) -> HttpResponse:
    """A week of duties, a line for each reader, in the viewer's zone."""
    user = user_of(request)
    day = day_or_none(request.GET.get("day", "")) or timezone.localdate()
    monday = day - timedelta(days=day.weekday())
    shifts = {shift.pk: shift for shift in visible_shifts(user)}
    sites = sites_for(user, Can.SEE_WORKLIST)
    holidays = Holiday.objects.filter(day__range=(monday, monday + timedelta(days=6)))
    context = {
        "days": [monday + timedelta(days=n) for n in range(7)],
        "lines": _lines(monday, shifts),
        "before": monday - timedelta(days=7),
        "after": monday + timedelta(days=7),
        "today": timezone.localdate(),
        "shifts": sorted(shifts.values(), key=lambda s: (str(s.reader), s.first_day, s.pk)),
        "holidays": (holidays.filter(site=None) | holidays.filter(site__in=sites)).order_by("day"),
        "may_change": Can.LEAD_READING in permissions_of(user),
    }
    return render(request, "worklist/roster.html", context)


def _lines(monday: date, shifts: dict[int, Shift]) -> list[dict[str, Any]]:
    since = timezone.make_aware(datetime.combine(monday, time.min))
    duties: dict[int, dict[date, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for duty in roster().between(since, since + timedelta(days=7)):
        shift = shifts.get(duty.shift_id)
        local = timezone.localtime(duty.span.start).date()
        if shift and monday <= local < monday + timedelta(days=7):
            duties[duty.reader_id][local].append({"duty": duty, "shift": shift})
    people = User.objects.filter(pk__in=duties).order_by("last_name", "first_name", "username")
    days = [monday + timedelta(days=n) for n in range(7)]
    return [{"user": person, "days": [duties[person.pk][day] for day in days]} for person in people]


@require_http_methods(["GET", "POST"])
@page(Can.LEAD_READING)
def add_shift(request: HttpRequest) -> HttpResponse:
    """Put a reader on the roster."""
    user = user_of(request)
    context: dict[str, Any] = {
        "readers": colleagues(user), "sites": sites_for(user, Can.LEAD_READING), "pools": Subspecialty.objects.all(),
        "weekdays": DAYS, "kinds": Shift.KINDS, "today": timezone.localdate(), "said": request.POST,
        "chosen": {"days": request.POST.getlist("days"), "sites": request.POST.getlist("sites"),
                   "pools": request.POST.getlist("pools")},
    }  # fmt: skip
    if request.method == "POST":
        try:
            shift = _add_shift_of_form(request, user)
        except Refusal as refusal:
            return render(request, "worklist/shift_new.html", {**context, "refusal": refusal}, status=400)
        return go(request, reverse("worklist:shift", args=[shift.pk]), "On the roster.")
    return render(request, "worklist/shift_new.html", context)


def _add_shift_of_form(request: HttpRequest, user: User) -> Shift:
    said = request.POST
    reader = colleague(user, said.get("reader", ""))
    sites = [s for s in sites_for(user, Can.LEAD_READING) if str(s.pk) in said.getlist("sites")]
    days = [code for code, _ in DAYS if code in said.getlist("days")]
    first = day_or_none(said.get("first_day", ""))
    if first is None:
        raise Invalid("Give the first day.", at="first_day")
    return services.add_shift(
        reader,
        sites=sites,
        subspecialties=Subspecialty.objects.filter(pk__in=filter(None, map(id_or_none, said.getlist("pools")))),
        name=said.get("name", "").strip()[:80] or "Shift",
        kind=said.get("kind", Shift.IN_HOUSE),
        zone=said.get("zone", "").strip() or user.time_zone,
        first_day=first,
        last_day=day_or_none(said.get("last_day", "")),
        start_time=_time(said.get("start_time", ""), "start_time"),
        end_time=_time(said.get("end_time", ""), "end_time"),
        rrule=f"FREQ=WEEKLY;BYDAY={','.join(days)}" if days else "",
        holidays=bool(said.get("holidays")),
        actor=actor_of(request),
        at=now(),
    )


def _time(said: str, at: str) -> time:
    try:
        return time.fromisoformat(said)
    except ValueError:
        raise Invalid("Give a time such as 07:30.", at=at) from None


@require_safe
@page(Can.SEE_WORKLIST)
def show_shift(request: HttpRequest, shift_id: int) -> HttpResponse:
    """One shift: when it recurs, what it covers, which days go differently."""
    user = user_of(request)
    row = _shift(user, shift_id)
    lead = Can.LEAD_READING in permissions_of(user)
    context = {
        "shift": row,
        "changes": row.changes.select_related("substitute", "made_by").order_by("-day")[:60],
        "kinds": ShiftChange.KINDS if lead else [(ShiftChange.SICK, "Sick")],
        "may_change": lead,
        "may_call_sick": row.reader_id == user.pk or lead,
        "readers": [person for person in colleagues(user) if person.pk != row.reader_id] if lead else [],
        "today": timezone.localdate(),
    }
    return render(request, "worklist/shift.html", context)


def _shift(user: User, shift_id: int) -> Shift:
    found = visible_shifts(user).filter(pk=shift_id).first()
    if found is None:
        raise NotFound("There is no such shift.")
    return found


@require_POST
@page(Can.LEAD_READING)
def end_shift(request: HttpRequest, shift_id: int) -> HttpResponse:
    """No duty begins after the day."""
    row = _shift(user_of(request), shift_id)
    last = day_or_none(request.POST.get("last_day", ""))
    if last is None:
        raise Invalid("Give the last day.", at="last_day")
    services.end_shift(row.pk, last_day=last, actor=actor_of(request), at=now())
    return go(request, reverse("worklist:shift", args=[row.pk]), "Ended.")


@require_POST
@page(Can.SEE_WORKLIST)
def change_day(request: HttpRequest, shift_id: int) -> HttpResponse:
    """A day goes differently. Readers may call themselves in sick; all else is the lead's."""
    user = user_of(request)
    row, kind = _shift(user, shift_id), request.POST.get("kind", "")
    if not (row.reader_id == user.pk and kind == ShiftChange.SICK):
        require(user, Can.LEAD_READING)
    day = day_or_none(request.POST.get("day", ""))
    if day is None:
        raise Invalid("Give the day.", at="day")
    substitute = colleague(user, request.POST.get("substitute", "")) if kind == ShiftChange.SWAP else None
    services.change_day(row.pk, day, kind=kind, substitute=substitute, reason=request.POST.get("reason", ""),
                        maker=user, actor=actor_of(request), at=now())  # fmt: skip
    return go(request, reverse("worklist:shift", args=[row.pk]), "The day is changed. What waits is given out anew.")


@require_POST
@page(Can.LEAD_READING)
def undo_day_change(request: HttpRequest, shift_id: int, change_id: int) -> HttpResponse:
    """The day goes as the shift says again."""
    row = _shift(user_of(request), shift_id)
    if not row.changes.filter(pk=change_id).exists():
        raise NotFound("There is no such change.")
    undo_change(change_id, actor=actor_of(request), at=now())
    return go(request, reverse("worklist:shift", args=[row.pk]), "Undone.")
