"""When an exam can be read: as its site chose, and what happens when its images do not come."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.orders.models import RequestedProcedure
from ris.orders.services import cancel_order, note_images
from tests.factories import NOON, TESTER, SiteFactory, make_order, perform
from worklist.models import AwaitedImages, ReadingItem, SiteReading
from worklist.services.sweep import sweep_all

pytestmark = pytest.mark.django_db

FIRST, COMPLETE = SiteReading.FIRST_IMAGES, SiteReading.COMPLETE_IMAGES
DONE = NOON + timedelta(minutes=10)


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def chosen(opens_on: str, **fields: int) -> None:
    SiteReading.objects.update_or_create(site=SiteFactory(), defaults={"opens_on": opens_on, **fields})


def images(procedure: RequestedProcedure, *, after: float, complete: bool = False) -> None:
    note_images(procedure.study_uid, instances=5, complete=complete, actor=TESTER, at=minutes(after))
    deliver_owed(at=minutes(after))


def done(procedure: RequestedProcedure) -> None:
    perform(procedure, at=NOON, minutes=10)
    deliver_owed(at=DONE)


def opened() -> list[datetime]:
    return list(ReadingItem.objects.values_list("opened_at", flat=True))


def missing() -> list[str]:
    return list(Alarm.objects.filter(kind="images-missing", cleared_at=None).values_list("subject", flat=True))


def test_without_a_choice_the_exams_end_opens_it_and_images_change_nothing() -> None:
    procedure = make_order().procedures.get()
    images(procedure, after=5, complete=True)
    assert opened() == []
    done(procedure)
    assert opened() == [DONE]
    assert not AwaitedImages.objects.exists()


def test_the_first_images_open_it_even_while_the_exam_goes_on() -> None:
    chosen(FIRST)
    procedure = make_order().procedures.get()
    images(procedure, after=5)
    done(procedure)
    images(procedure, after=20, complete=True)
    assert opened() == [minutes(5)]
    assert not AwaitedImages.objects.exists()


def test_complete_images_open_it_and_the_first_do_not() -> None:
    chosen(COMPLETE)
    procedure = make_order().procedures.get()
    done(procedure)
    images(procedure, after=15)
    assert opened() == []
    assert AwaitedImages.objects.get().since == DONE
    images(procedure, after=25, complete=True)
    assert opened() == [minutes(25)]
    assert not AwaitedImages.objects.exists()


def test_images_that_were_there_before_open_it_at_the_exams_end() -> None:
    procedure = make_order().procedures.get()
    images(procedure, after=5, complete=True)
    chosen(COMPLETE)
    done(procedure)
    assert opened() == [DONE]


def test_images_that_do_not_come_in_time_are_alarmed_once_and_the_alarm_ends_when_they_come() -> None:
    chosen(FIRST, images_within=30)
    procedure = make_order().procedures.get()
    done(procedure)
    sweep_all(at=minutes(39))
    assert missing() == []
    assert sweep_all(at=minutes(41))["images missing"] == 1
    assert sweep_all(at=minutes(42))["images missing"] == 0
    assert missing() == [f"{procedure.order.accession} {procedure.number}"]
    assert Alarm.objects.get(kind="images-missing").times == 1
    images(procedure, after=50)
    assert missing() == []
    assert opened() == [minutes(50)]


def test_a_cancelled_exam_waits_for_no_images() -> None:
    chosen(FIRST)
    procedure = make_order().procedures.get()
    AwaitedImages.objects.create(procedure=procedure, site=procedure.order.site, since=NOON)
    sweep_all(at=minutes(90))
    assert missing()
    cancel_order(procedure.order_id, reason="twice", actor=TESTER, at=minutes(95))
    deliver_owed(at=minutes(95))
    assert missing() == []
    images(procedure, after=99)
    assert opened() == []


def test_a_site_that_chooses_the_exams_end_after_all_gets_what_it_waited_for() -> None:
    chosen(FIRST)
    done(make_order().procedures.get())
    chosen(SiteReading.COMPLETED)
    sweep_all(at=minutes(30))
    assert opened() == [minutes(30)]
    assert not AwaitedImages.objects.exists()
