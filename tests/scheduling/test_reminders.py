"""Reminders: once, in time, without name or exam, and never of an appointment that is moved or called off."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail

from ris.orders.services import rebook_step
from ris.scheduling.models import Reminder, ReminderChannel
from ris.scheduling.services import call_off
from ris.scheduling.services.reminders import owe_reminders, send_reminders
from tests.factories import TESTER, PatientFactory, ProcedureFactory, SiteFactory
from tests.orders.test_reservation import AT, TEN, book

pytestmark = pytest.mark.django_db

DAY_BEFORE = TEN - timedelta(hours=23)


@pytest.fixture(autouse=True)
def channel(settings: object) -> ReminderChannel:
    ProcedureFactory(preparation="Drink enough.")
    return ReminderChannel.objects.create(site=SiteFactory(), way="mail", address="call@north.test")


def send_at(moment: object) -> int:
    owe_reminders(at=moment)
    return send_reminders(at=moment)


def test_a_patient_is_reminded_once_of_each_time() -> None:
    patient = PatientFactory(phone="+1 555 0100")
    step = book(at=AT - timedelta(days=2), patient_id=patient.pk)
    book(TEN + timedelta(hours=1), at=AT - timedelta(days=2))  # nobody knows this patient's number
    assert send_at(TEN - timedelta(hours=25)) == 0
    assert [send_at(DAY_BEFORE), send_at(DAY_BEFORE)] == [1, 0]
    (letter,) = mail.outbox
    assert "2026-03-11T10:00" in letter.body and "Drink enough." in letter.body and "+1 555 0100" in letter.body
    everything = letter.subject + letter.body
    assert patient.family_name not in everything and "CT" not in everything
    later = TEN + timedelta(minutes=30)
    rebook_step(step.pk, start=later, device_id=step.device_id, confirmed=True, actor=TESTER, at=DAY_BEFORE)
    assert send_at(DAY_BEFORE + timedelta(hours=1)) == 1 and "10:30" in mail.outbox[1].body


def test_what_is_called_off_before_it_is_sent_is_dropped() -> None:
    step = book(at=AT - timedelta(days=2), patient_id=PatientFactory(phone="+1 555 0100").pk)
    owe_reminders(at=DAY_BEFORE)
    call_off(step.pk, reason="ZZTEST", actor=TESTER, at=DAY_BEFORE)
    assert send_reminders(at=DAY_BEFORE) == 0
    assert Reminder.objects.get().state == "dropped" and mail.outbox == []
