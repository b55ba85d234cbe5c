"""Called off, missed, waited for, offered: what the scheduler, the scanner and other systems see of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ris.kernel.errors import Conflict, Invalid
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order
from ris.orders.services import arrive, cancel_order
from ris.people.roles import Role
from ris.scheduling.models import Offer, WaitingEntry
from ris.scheduling.selectors.waiting import waiting_for
from ris.scheduling.services import (
    accept_offer,
    call_off,
    decline_offer,
    hold_time,
    put_on_waiting_list,
    release_holds,
)
from tests.factories import TESTER, DeviceFactory, SiteFactory, make_user
from tests.orders.test_reservation import AT, TEN, book

pytestmark = pytest.mark.django_db


def test_a_called_off_appointment_frees_its_time_and_waits_for_another() -> None:
    step = book()
    deliver_owed(at=AT)
    with pytest.raises(Invalid, match="lies ahead"):
        call_off(step.pk, reason="ZZTEST", missed=True, actor=TESTER, at=AT)
    call_off(step.pk, reason="ZZTEST is ill", actor=TESTER, at=AT)
    deliver_owed(at=AT)
    assert Order.objects.get().state == "held" and step.reread().reserved_until is None
    assert WaitingEntry.objects.get().note == "ZZTEST is ill"
    with pytest.raises(Conflict, match="called off already"):
        call_off(step.pk, reason="again", actor=TESTER, at=AT)
    assert book().start == TEN, "another has the time at once"


def test_a_patient_who_is_here_has_not_missed_it() -> None:
    step = book()
    arrive(step.pk, actor=TESTER, at=TEN)
    later = TEN + timedelta(hours=1)
    with pytest.raises(Conflict, match="is here"):
        call_off(step.pk, reason="", missed=True, actor=TESTER, at=later)


def test_a_free_time_is_offered_and_the_first_to_accept_has_it() -> None:
    step, *later = [book(TEN + timedelta(days=day)) for day in range(6)]
    for number, waits in enumerate(later):
        put_on_waiting_list(waits.pk, earliest=AT, actor=TESTER, at=AT + timedelta(minutes=number))
    cancel_order(step.procedure.order_id, reason="ZZTEST", actor=TESTER, at=AT)
    deliver_owed(at=AT)
    offers = list(Offer.objects.order_by("pk"))
    assert [offer.entry.step_id for offer in offers] == [waits.pk for waits in later[:3]], "who waits longest is asked"
    decline_offer(offers[0].pk, actor=TESTER, at=AT)
    accept_offer(offers[1].pk, actor=TESTER, at=AT)
    moved = later[1].reread()
    assert (moved.start, moved.reserved_until) == (TEN, TEN + timedelta(minutes=15))
    with pytest.raises(Conflict):
        accept_offer(offers[2].pk, actor=TESTER, at=AT)
    assert later[2].reread().start == TEN + timedelta(days=3)
    scheduler = make_user("sched", Role.SCHEDULER, sites=(SiteFactory(),))
    assert [entry.step_id for entry in waiting_for(scheduler)] == [later[0].pk, later[2].pk, later[3].pk, later[4].pk]
    assert not waiting_for(make_user("far", Role.SCHEDULER, sites=(SiteFactory(code="south"),)))


def test_an_offer_runs_out() -> None:
    step, waits = book(), book(TEN + timedelta(days=1))
    put_on_waiting_list(waits.pk, earliest=AT, actor=TESTER, at=AT)
    call_off(step.pk, reason="ZZTEST", actor=TESTER, at=AT)
    deliver_owed(at=AT)
    with pytest.raises(Conflict, match="run out"):
        accept_offer(Offer.objects.get().pk, actor=TESTER, at=AT + timedelta(hours=3))


def test_a_time_is_held_while_somebody_types() -> None:
    device, typing, other = DeviceFactory(), make_user("typing"), make_user("other")
    hold_time(device, start=TEN, minutes=15, holder=typing, at=AT)
    with pytest.raises(Conflict, match="Somebody is booking"):
        hold_time(device, start=TEN + timedelta(minutes=10), minutes=15, holder=other, at=AT)
    with pytest.raises(Conflict, match="Somebody is booking"):
        book()
    assert book(at=AT + timedelta(minutes=11)).start == TEN, "a hold ends by itself"
    hold_time(device, start=TEN + timedelta(hours=1), minutes=15, holder=typing, at=AT)
    release_holds(typing)
    assert book(TEN + timedelta(hours=1)).reserved_until == datetime(2026, 3, 11, 16, 15, tzinfo=UTC)
