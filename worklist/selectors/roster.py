"""Who is on shift when. The whole roster is kept in memory, keyed by a stamp that every change of it changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from worklist.models import Holiday, Shift, ShiftChange
from worklist.rules.recurrence import Duty, Span, spans
from worklist.rules.score import EPOCH

from ..change_stamps import Stamps, stamps


@dataclass(frozen=True, slots=True)
class OnShift:
    """A reader's occurrence of a shift. None sets: not narrowed by the shift."""

    reader_id: int
    shift_id: int
    kind: str
    span: Span
    sites: frozenset[int] | None
    pools: frozenset[int] | None
    called_for: int = 2
    substitute_for: int | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    duty: Duty
    proto: OnShift
    substitutes: dict[date, int]


class Roster:
    """All shifts, as they were at one stamp."""

    def __init__(self, entries: list[_Entry]) -> None:
        self._entries = entries
        self._hours: dict[datetime, dict[int, list[OnShift]]] = {}

    def between(self, since: datetime, until: datetime) -> Iterator[OnShift]:
        """Occurrences that overlap the interval, by shift, then time."""
        for entry in self._entries:
            for span in spans(entry.duty, since, until):
                stand_in = entry.substitutes.get(span.day)
                duty = replace(entry.proto, span=span)
                yield replace(duty, reader_id=stand_in, substitute_for=duty.reader_id) if stand_in else duty

    def at(self, at: datetime) -> dict[int, OnShift]:
        """Who is on shift at that moment, breaks apart. Of two shifts the one that ends later counts."""
        hour = self._hour(at)
        covering = ((pk, _covering(duties, at)) for pk, duties in hour.items())
        return {pk: duty for pk, duty in covering if duty}

    def of(self, reader_id: int, at: datetime) -> OnShift | None:
        """The same for one reader; None when they are not on shift."""
        return _covering(self._hour(at).get(reader_id, ()), at)

    def _hour(self, at: datetime) -> dict[int, list[OnShift]]:
        hour = at.replace(minute=0, second=0, microsecond=0)
        kept = self._hours.get(hour)
        if kept is None:
            kept = {}
            for duty in self.between(hour, hour + timedelta(hours=1)):
                kept.setdefault(duty.reader_id, []).append(duty)
            if len(self._hours) > 500:  # three weeks of hours: more than a page or a sweep looks at
                self._hours.clear()
            self._hours[hour] = kept
        return kept

    @property
    def empty(self) -> bool:
        """Whether this house keeps no roster at all."""
        return not self._entries


def _covering(duties: Iterable[OnShift], at: datetime) -> OnShift | None:
    return max((duty for duty in duties if duty.span.covers(at)), key=lambda duty: duty.span.end, default=None)


def roster(known: Stamps | None = None) -> Roster:
    """The roster as the database has it now; rebuilt only when something of it changed. ``known``: just read."""
    known = known or stamps()
    return _load(known.database, known.roster)


def on_shift(at: datetime) -> dict[int, OnShift]:
    """Reader → their shift at that moment."""
    return roster().at(at)


# The arguments are only keys: the stamp changes with every table that is read here (worklist.change_stamps).
@lru_cache(maxsize=4)
def _load(database: str, stamp: str | None) -> Roster:
    everywhere: set[date] = set()
    by_site: dict[int, set[date]] = defaultdict(set)
    for holiday in Holiday.objects.all():
        (by_site[holiday.site_id] if holiday.site_id else everywhere).add(holiday.day)
    off: dict[int, set[date]] = defaultdict(set)
    substitutes: dict[int, dict[date, int]] = defaultdict(dict)
    for change in ShiftChange.objects.all():
        if change.substitute_id:
            substitutes[change.shift_id][change.day] = change.substitute_id
        else:
            off[change.shift_id].add(change.day)
    entries = []
    for shift in Shift.objects.filter(active=True).prefetch_related("sites", "subspecialties").order_by("pk"):
        sites = frozenset(site.pk for site in shift.sites.all()) or None
        # Shifts that are worked on holidays ignore them; one of several sites is off when any of these is closed.
        closed = set() if shift.holidays else everywhere.union(*(by_site[s] for s in sites or ()))
        duty = duty_of(shift, off=frozenset(off[shift.pk] | closed))
        pools = frozenset(s.pk for s in shift.subspecialties.all()) or None
        nowhen = Span(shift.first_day, EPOCH, EPOCH)
        proto = OnShift(shift.reader_id, shift.pk, shift.kind, nowhen, sites, pools, shift.called_for)
        entries.append(_Entry(duty, proto, substitutes[shift.pk]))
    return Roster(entries)


def duty_of(shift: Shift, *, off: frozenset[date] = frozenset()) -> Duty:
    """The rule by which a shift recurs."""
    pauses = tuple((time.fromisoformat(a), time.fromisoformat(b)) for a, b in shift.breaks)
    return Duty(shift.zone, shift.first_day, shift.start_time, shift.end_time, shift.rrule, shift.last_day, pauses, off)


def occurs_on(shift: Shift, day: date) -> bool:
    """Whether a duty of the shift begins on that local date, holidays and changes apart."""
    noon = datetime.combine(day, time(12), ZoneInfo(shift.zone))
    around = spans(duty_of(shift), noon - timedelta(days=1), noon + timedelta(days=1, hours=12))
    return any(span.day == day for span in around)
