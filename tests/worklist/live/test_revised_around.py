"""What changes around a case reaches whoever has it open, though its place on the list stays."""

from __future__ import annotations

from typing import Any

import pytest

from ris.audit.services import Actor
from ris.kernel.relay import deliver_owed
from ris.patients.intents import PatientIntent
from ris.patients.models import Merge, Patient
from ris.patients.services import merge_patients, resolve_patient, unmerge_patients
from tests.factories import NOON, TESTER, PatientFactory
from tests.worklist.reading import make_item, make_reader
from worklist.live.feed import Feed
from worklist.models import ReadingItem
from worklist.services import claim

pytestmark = pytest.mark.django_db
WHO: dict[str, Any] = {"actor": TESTER, "at": NOON}


@pytest.fixture
def claimed() -> ReadingItem:
    item, reader = make_item(), make_reader()
    claim(item.pk, reader=reader, actor=Actor.of_user(reader), at=NOON)
    settle()
    return item


@pytest.fixture
def feed(claimed: ReadingItem) -> Feed:
    feed = Feed()
    feed.news()
    return feed


def settle() -> None:
    for _ in range(4):
        deliver_owed(at=NOON)


def patient_of(item: ReadingItem) -> Patient:
    return ReadingItem.objects.get(pk=item.pk).procedure.order.patient


def test_a_merge_and_its_undoing_reach_the_open_case_which_goes_with_the_order(
    claimed: ReadingItem, feed: Feed
) -> None:
    old, keep = patient_of(claimed), PatientFactory()
    merge_patients(keep.pk, old.pk, **WHO)
    settle()
    assert list(feed.news()) == [claimed.pk]
    assert patient_of(claimed) == keep
    unmerge_patients(Merge.objects.get().pk, reason="two people", **WHO)
    settle()
    assert list(feed.news()) == [claimed.pk]
    assert patient_of(claimed) == old


def test_what_is_said_of_the_patient_reaches_the_open_case(claimed: ReadingItem, feed: Feed) -> None:
    number = patient_of(claimed).identifiers.get()
    intent = PatientIntent(identifiers=((number.value, number.authority, "MR"),), allergies=["Iodine"], message_at=NOON)
    resolve_patient(intent, **WHO, authoritative=True)
    settle()
    assert list(feed.news()) == [claimed.pk]
    assert feed.news() == {}
