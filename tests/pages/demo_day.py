"""A department in the middle of a day, with everything in every state that it can be in. For tests that look at all.

It happens now, by the services that make it happen in earnest; only what comes from other systems, and what takes
a sweep and an hour, is written as rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from ris.audit.services import Actor
from ris.catalog.models import Device, Site
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.models import Alarm, Delivery, Record
from ris.kernel.relay import deliver_owed
from ris.orders import services as orders
from ris.orders.intents import Code, PerformedIntent, ProcedureIntent, StepIntent
from ris.orders.models import ScheduledStep, Study
from ris.patients.intents import VisitIntent
from ris.patients.services import merge_patients, record_visit, unmerge_patients
from ris.people.models import User
from ris.people.roles import Role
from ris.scheduling import services as scheduling
from tests.factories import TESTER, DeviceFactory, PatientFactory, ProcedureFactory, SiteFactory, make_order, make_user
from tests.pages import demo_day_interfaces
from tests.pages.demo_day_cases import cases
from tests.worklist.reading import make_reader, make_shift
from worklist import services as worklist
from worklist.models import (
    Conflict,
    Escalation,
    EscalationMessage,
    EscalationRoute,
    Holiday,
    Presence,
    ReadingItem,
    RuleSet,
    Shift,
    ShiftChange,
)
from worklist.services import rules_in_force


@dataclass(frozen=True)
class Day:
    """Who is there: one user of each role, and readers by name."""

    at: datetime
    site: Site
    roles: dict[Role, User]
    readers: dict[str, User]

    def by(self, name: str) -> dict[str, Any]:
        """Keywords of a service that this reader uses."""
        return {"reader": self.readers[name], "actor": Actor.of_user(self.readers[name]), "at": self.at}


def begin_day(at: datetime) -> Day:
    """An empty hospital: people, scanners and a catalog."""
    site, south = SiteFactory(), SiteFactory(code="south")
    for site_, ae_title, modality in ((site, "CT1", "CT"), (site, "MR1", "MR"), (south, "CT_SOUTH", "CT")):
        DeviceFactory(site=site_, ae_title=ae_title, modality=modality)
    ProcedureFactory()
    roles = {role: _user(role, site) for role in Role}
    readers = {
        "on": make_reader("on-shift", most_claims=50, most_minutes=999),
        "off": make_reader("off-shift", on_shift=False, most_claims=50, most_minutes=999),
        "plain": make_user("no-profile", Role.RADIOLOGIST, sites=(site,)),
        "gone": make_reader("gone", most_claims=50, most_minutes=999),
        "trainee": make_reader("trainee", role=Role.RESIDENT, trainee=True, team="red", most_claims=50),
        "night": make_reader("night", on_shift=False),
    }
    return Day(at, site, roles, readers)


def _user(role: Role, site: Site) -> User:
    user = make_user(f"one-{role.name.lower()}", role, sites=(site,), time_zone="America/Chicago")
    user.is_staff = role is Role.ADMINISTRATOR
    user.save()
    return user


def fill_day(day: Day) -> None:
    """Everything in every state."""
    demo_day_interfaces.set_up()
    Site.objects.update(viewer_url="https://viewer.test/?StudyInstanceUIDs={study_uid}")
    roster(day)
    rules(day)
    exams(day)
    cases(day)
    patients(day)
    urgency(day)
    deliver_owed(at=day.at + timedelta(minutes=1))
    demo_day_interfaces.fill(day.at, day.site, day.readers["on"])
    deliver_owed(at=day.at + timedelta(minutes=1))
    calendar(day)
    trouble(day)
    User.objects.filter(pk=day.readers["gone"].pk).update(is_active=False)


def calendar(day: Day) -> None:
    """Hours, a block, closures of both kinds, a held time, somebody who waits, and what is offered to them."""
    device, at = Device.objects.get(ae_title="CT1"), day.at + timedelta(days=2)
    # No patient's name in what is said of no patient: the tests take that for a patient who is shown.
    hours = {"weekday": 0, "opens": time(7), "closes": time(19), "actor": TESTER, "at": day.at}
    scheduling.open_weekly(device, **hours)
    scheduling.keep_block(device, name="ZTCHILDREN hours", release_hours=24, **hours)
    closed = {"until": at + timedelta(hours=2), "reason": "ZTSERVICE", "actor": TESTER, "at": day.at}
    scheduling.close_for(day.site, device, since=at, kind="down", **closed)
    scheduling.close_for(day.site, None, since=at, kind="holiday", **closed)
    waits = make_order(site=day.site, at=at + timedelta(days=3), patient=PatientFactory()).procedures.get().steps.get()
    entry = scheduling.put_on_waiting_list(waits.pk, earliest=day.at, note="ZZTEST", actor=TESTER, at=day.at)
    scheduling.offer_time(entry.pk, device, start=at + timedelta(hours=5), actor=TESTER, at=day.at)
    scheduling.hold_time(device, start=at + timedelta(hours=8), minutes=15, holder=day.roles[Role.SCHEDULER], at=day.at)


def roster(day: Day) -> None:
    """Shifts of all kinds, over midnight, with breaks, ended and to come; days that go differently."""
    here = day.at.date()
    night = make_shift(day.readers["night"], start_time=time(22), end_time=time(6), zone="America/Chicago",
                       breaks=[["02:00", "02:30"]], name="Night")  # fmt: skip
    make_shift(day.readers["night"], kind=Shift.ON_CALL, first_day=here, rrule="", name="Once")
    later = here + timedelta(days=40)
    make_shift(day.readers["on"], kind=Shift.TEACHING, first_day=later, rrule="FREQ=WEEKLY;BYDAY=MO")
    make_shift(day.readers["off"], last_day=date(2026, 1, 2), active=False, name="Ended")
    for n, kind in enumerate((ShiftChange.OFF, ShiftChange.SICK, ShiftChange.SWAP)):
        other = day.readers["on"] if kind == ShiftChange.SWAP else None
        worklist.change_day(night.pk, here + timedelta(days=n), kind=kind, substitute=other, actor=TESTER, at=day.at)
    for site in (None, day.site):
        Holiday.objects.create(day=here + timedelta(days=1), name="Founders", site=site)
    for name, state in zip(day.readers, dict(Presence.STATES), strict=False):
        worklist.set_presence(day.readers[name], state, actor=TESTER, at=day.at)


def rules(day: Day) -> None:
    """Drafts, in force, retired, with flaws, and one that can be read no more."""
    rule = {"name": "Head", "when": {"region": "HEAD"}, "then": {"points": 1}}
    for site in (None, day.site):
        for _ in range(2):  # the second one retires the first
            row = rules_in_force.draft_rules([rule], site=site, maker=day.readers["on"], actor=TESTER, at=day.at)
            rules_in_force.put_in_force(row.pk, actor=TESTER, at=day.at)
        rules_in_force.draft_rules([rule, rule | {"name": "Again"}], site=site, maker=None, actor=TESTER, at=day.at)
    old: list[Any] = [{"name": "Old", "when": {"a fact of old": 1}, "then": {}}]
    for n, unreadable in enumerate((old, {"rules": "none"}, ["text"], [None])):
        RuleSet.objects.create(number=90 + n, rules=unreadable, made_at=day.at)


def exams(day: Day) -> None:
    """Orders and steps in each of their states, exams without an order, studies without an exam."""
    at, said = day.at, {"actor": TESTER, "at": day.at}
    steps: list[ScheduledStep] = []
    for minutes in range(8):
        order = make_order(at=at + timedelta(minutes=minutes - 30), ordering_provider="ZZDOC^RITA", reason="Headache")
        steps.append(order.procedures.get().steps.get())
    scheduled, arrived, started, broken_off, cancelled, held, flagged, stuck = steps
    orders.arrive(arrived.pk, **said)
    orders.start_by_hand(started.pk, **said)
    orders.start_by_hand(broken_off.pk, **said)
    orders.discontinue_by_hand(broken_off.pk, reason_code="110514", **said)
    orders.cancel_order(cancelled.procedure.order_id, reason="Twice", **said)
    orders.hold_order(held.procedure.order_id, reason="Renal", **said)
    orders.start_by_hand(flagged.pk, **said)
    orders.withdraw_order(flagged.procedure.order_id, reason="Too late", **said)
    begun = PerformedIntent(started_at=at - timedelta(hours=9), step_ids=(stuck.pk,), station_ae="CT1", modality="CT")
    orders.start_exam(begun, actor=TESTER, at=at - timedelta(hours=9))
    make_order(at=at, procedures=(ProcedureIntent(code=Code("UNKNOWN", system="L"), steps=(StepIntent(),)),))
    make_order(at=at, site=Site.objects.get(code="south"))
    for station, accession in (("CT1", ""), ("NOBODY", "X1"), ("CT1", scheduled.procedure.order.accession)):
        stray = orders.start_exam(
            PerformedIntent(started_at=at, station_ae=station, accession=accession, modality="CT", study_uid="2.25.7"),
            **said,
        )
        if station == "CT1":
            orders.complete_exam(stray.mpps_uid, ended_at=at, **said)
    Study.objects.create(study_uid="2.25.99", first_seen_at=at, instances=3)
    Study.objects.create(study_uid=started.procedure.study_uid, procedure=started.procedure, first_seen_at=at)


def patients(day: Day) -> None:
    """Merged, merged and separated, without a birth date or a sex, on a ward; one whom a reader may not read."""
    born = ((None, ""), (date(2026, 3, 1), "O"), (date(1900, 1, 1), "M"))
    people = [PatientFactory(birth_date=on, sex=sex) for on, sex in born]
    visit = VisitIntent(number="V1", authority="NORTH", site_id=day.site.pk, patient_class="I", location="3N-12-A")
    kept = record_visit(people[0].pk, visit, actor=TESTER, at=day.at)
    for patient in people:
        for _ in range(2):
            make_order(patient=patient, at=day.at, visit_id=kept.pk if patient == people[0] else None)
    survivor, *retired = (PatientFactory() for _ in range(3))
    for one in retired:
        make_order(patient=one, at=day.at)
        merge_patients(survivor.pk, one.pk, actor=TESTER, at=day.at)
    deliver_owed(at=day.at)
    make_order(patient=survivor, at=day.at)
    unmerge_patients(survivor.merges.latest("pk").pk, reason="Two people", actor=TESTER, at=day.at)
    Conflict.objects.create(reader=day.readers["on"], patient=people[1])


def urgency(day: Day) -> None:
    """Rungs of the ladder on cases in every state, told to everybody, seen to and not."""
    EscalationRoute.objects.create(rung=1, way=EscalationRoute.SCREEN)
    ReadingItem.objects.filter(state__in=("unread", "claimed")).update(due_at=day.at, next_rung_at=day.at)
    worklist.climb_due_rungs(day.at)
    for item in ReadingItem.objects.exclude(escalations__isnull=False):
        Escalation.objects.create(item=item, rung=3, at=day.at)
    seen, *rest = Escalation.objects.all()
    worklist.acknowledge(seen.pk, coordinator=day.roles[Role.LEAD], actor=TESTER, at=day.at)
    for row, state in zip(rest, ("owed", "sent", "given up", "shown"), strict=False):
        said = {"way": "email", "address": "a@example.org", "state": state, "due_at": day.at}
        EscalationMessage.objects.create(escalation=row, **said)


def trouble(day: Day) -> None:
    """Alarms, open and over; facts that a subscriber could not take."""
    for kind in ("delivery-stuck", "escalation-untold", "a kind of old"):
        raise_alarm(kind, f"{kind}-1", detail="three times", at=day.at)
        raise_alarm(kind, f"{kind}-2", at=day.at)
        clear_alarm(kind, f"{kind}-2", at=day.at)
    assert Alarm.objects.filter(cleared_at=None).exists()
    some = list(Delivery.objects.values_list("pk", flat=True)[:3])
    Delivery.objects.filter(pk__in=some).update(state=Delivery.STUCK, error="KeyError in x")
    fact = Record.objects.create(kind="AKindOfOld", stream="N0", body={}, at=datetime(2026, 1, 1, tzinfo=UTC))
    Delivery.objects.create(record=fact, subscriber="gone", stream="N0", state=Delivery.STUCK, due_at=day.at)
