"""Who is on duty without a page open is told of an offer by telephone: once, without the patient, while it stands."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from ris.audit.models import AuditEvent
from ris.people.models import User
from tests.factories import NOON, TESTER, PatientFactory
from tests.worklist.reading import make_item, make_reader
from tests.worklist.services.conftest import Hook
from worklist import services
from worklist.models import Offer, OfferCall, Presence, ReadingItem
from worklist.services.assignment import lapse_due
from worklist.services.offer_calls import send_calls
from worklist.services.roster import note_seen

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback_allowed")]

SECOND = timedelta(seconds=1)


def critical() -> ReadingItem:
    item = make_item(patient=PatientFactory(family_name="ZZTESTMANN"))
    ReadingItem.objects.filter(pk=item.pk).update(urgency=1)
    return item


def offered(item: ReadingItem) -> User:
    reader: User = Offer.objects.get(item=item, outcome=Offer.OPEN).reader
    return reader


def test_the_bell_comes_first_and_then_whoever_can_be_called(hook: str) -> None:
    at_home = make_reader("home", seniority=30, call_address=hook + "/secret-token")
    make_reader("nowhere", seniority=40)
    here = make_reader("here")
    note_seen([here.pk], NOON)
    Presence.objects.create(
        reader=at_home, state=Presence.SIGNED_OUT, since=NOON, last_seen_at=NOON - timedelta(days=1)
    )
    item = critical()
    first = services.offer_item(item.pk, at=NOON)
    assert first is not None and offered(item) == here and send_calls(at=NOON) == 0
    assert lapse_due(NOON + 61 * SECOND) == 1
    second = Offer.objects.get(item=item, outcome=Offer.OPEN)
    assert second.reader == at_home and second.until == NOON + 181 * SECOND  # two minutes to get to a screen
    assert [send_calls(at=NOON + n * SECOND) for n in (62, 63)] == [1, 0]
    ((key, body),) = Hook.heard
    told = json.loads(body)
    assert key == f"offer-{second.pk}"
    assert (told["what"], told["reader"], told["accession"], told["class"]) == (
        "offer",
        "home",
        item.accession,
        "Critical",
    )
    assert told["link"].endswith(f"/{item.pk}/explain/")
    assert b"ZZTEST" not in body
    audited = AuditEvent.objects.get(action="item.offer-called")
    assert "secret-token" not in json.dumps(audited.detail, default=str)
    services.accept_offer(second.pk, reader=at_home, actor=TESTER, at=NOON + 100 * SECOND)
    assert ReadingItem.objects.get(pk=item.pk).reader == at_home


def test_a_call_is_tried_again_and_not_made_once_the_offer_is_over(hook: str) -> None:
    reader = make_reader("home", call_address=hook)
    item = critical()
    services.offer_item(item.pk, at=NOON)
    Hook.answers = [503]
    assert send_calls(at=NOON) == 0 and len(Hook.heard) == 1
    made = Offer.objects.get(item=item)
    services.decline_offer(made.pk, reader=reader, reason="in a procedure", actor=TESTER, at=NOON + SECOND)
    assert send_calls(at=NOON + timedelta(minutes=1)) == 0
    assert len(Hook.heard) == 1
    assert OfferCall.objects.get(offer=made).state == OfferCall.OVER


@pytest.mark.parametrize("state", [Presence.AWAY, Presence.TEACHING])
def test_who_said_that_they_are_away_is_not_called(state: str, hook: str) -> None:
    reader = make_reader("home", call_address=hook)
    Presence.objects.create(reader=reader, state=state, since=NOON, last_seen_at=NOON)
    assert services.offer_item(critical().pk, at=NOON) is None
    assert send_calls(at=NOON) == 0
