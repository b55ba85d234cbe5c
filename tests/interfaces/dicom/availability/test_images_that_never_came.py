"""Exams that are done and of which no images are known: alarmed for each site, shown, over when they come."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from interfaces.dicom.availability.polling import LOOKED_FOR, MISSING, alarm_missing, missing_images
from interfaces.dicom.models import Archive
from interfaces.dicom.reconciliation.selectors import images_without_order
from ris.audit.models import AuditEvent
from ris.kernel.clock import now
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.orders.models import PerformedStep
from ris.orders.services import note_images
from ris.people.roles import Role
from tests.factories import NOON, TESTER, SiteFactory, make_order, make_user, perform
from worklist.models import SiteReading

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=2)


@pytest.fixture
def archive() -> Archive:
    return Archive.objects.create(name="archive", ae_title="ARCHIVE", host="192.0.2.1", poll="cfind")


@pytest.fixture
def exam(archive: Archive) -> PerformedStep:
    """Done at ten past noon."""
    return perform(make_order().procedures.get())


def arrive(exam: PerformedStep) -> None:
    note_images(exam.study_uid, instances=1, complete=False, actor=TESTER, at=LATER)


def missed(at: datetime = LATER) -> list[PerformedStep]:
    return list(missing_images(at=at))


def test_an_exam_is_missed_after_the_minutes_that_its_site_allows(exam: PerformedStep) -> None:
    assert missed(NOON + timedelta(minutes=30)) == []
    assert missed() == [exam]
    reading = SiteReading.objects.create(site=SiteFactory(), images_within=15)
    assert missed(NOON + timedelta(minutes=30)) == [exam]
    reading.images_within = 300
    reading.save()
    assert missed() == []
    arrive(exam)
    assert missed(NOON + timedelta(hours=6)) == []


def test_what_is_history_or_still_going_on_or_broken_off_is_not_missed(archive: Archive, exam: PerformedStep) -> None:
    perform(make_order().procedures.get(), complete=False)
    assert missed() == [exam]
    assert missed(NOON + LOOKED_FOR + timedelta(hours=1)) == []


def test_where_nobody_tells_of_images_none_are_missed(exam: PerformedStep, archive: Archive) -> None:
    archive.poll = ""
    archive.save()
    assert missed() == []
    archive.webhook_digest = "0" * 64
    archive.save()
    assert missed() == [exam]


def test_one_alarm_stands_for_a_site_until_all_have_come(exam: PerformedStep) -> None:
    other = perform(make_order().procedures.get())
    assert alarm_missing(at=LATER) == 2
    alarm_missing(at=LATER + timedelta(minutes=1))
    alarm = Alarm.objects.get(kind=MISSING, cleared_at=None)
    assert (alarm.subject, alarm.times) == ("north", 1)
    assert alarm.detail == "exams without images: 2, the oldest ended 2026-03-10 12:10 UTC"
    arrive(exam)
    assert alarm_missing(at=LATER) == 1
    arrive(other)
    assert alarm_missing(at=LATER) == 0
    assert not Alarm.objects.filter(kind=MISSING, cleared_at=None).exists()


def test_an_exam_that_waits_for_its_images_to_be_read_is_alarmed_once_and_by_the_worklist(archive: Archive) -> None:
    SiteReading.objects.create(site=SiteFactory(), opens_on=SiteReading.FIRST_IMAGES)
    exam = perform(make_order().procedures.get())
    deliver_owed(at=LATER)
    assert alarm_missing(at=LATER) == 0
    assert missed() == [exam]


def test_they_are_listed_and_a_person_may_say_that_none_are_expected(exam: PerformedStep) -> None:
    tech = Client()
    tech.force_login(make_user("tech", Role.TECHNOLOGIST, sites=(SiteFactory(),)))
    stranger = Client()
    stranger.force_login(make_user("tess", Role.TECHNOLOGIST, sites=(SiteFactory(code="south"),)))
    page, say = reverse("dicom:exceptions"), reverse("dicom:no-images", args=[exam.pk])
    PerformedStep.objects.update(ended_at=now() - timedelta(hours=2))
    assert "Images that never came" in tech.get(page).content.decode()
    assert "Images that never came" not in stranger.get(page).content.decode()
    assert stranger.post(say, {"reason": "curious"}).status_code == 404
    assert tech.post(say).status_code == 400
    assert tech.post(say, {"reason": "fluoroscopy only"}).status_code == 302
    assert "Images that never came" not in tech.get(page).content.decode()
    assert AuditEvent.objects.get(action="exam.no-images").reason == "fluoroscopy only"


def test_images_that_nobody_ordered_are_an_exception_too() -> None:
    stranger = note_images("2.25.9", instances=1, complete=False, actor=TESTER, at=NOON)
    clerk = make_user("clerk", Role.SCHEDULER, sites=(SiteFactory(),))
    assert list(images_without_order(clerk)) == [stranger]
