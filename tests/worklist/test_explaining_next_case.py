"""Why a reader was given a case when they asked for the next one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from ris.audit.actor import Actor
from tests.worklist.reading import NOON, make_item, make_reader
from worklist import services
from worklist.models import Decision, ReadingItem
from worklist.rules.score import score
from worklist.selectors.explain import explain
from worklist.services.places import case_of

pytestmark = pytest.mark.django_db


def test_the_score_for_that_reader_at_that_moment_is_kept() -> None:
    reader, item, at = make_reader(), make_item(priority="STAT"), NOON + timedelta(minutes=20)
    ReadingItem.objects.filter(pk=item.pk).update(assigned_to=reader)
    services.next_case(reader, actor=Actor.of_user(reader), at=at)
    assert explain(item, NOON)["claimed"] is None
    told = explain(item, at)["claimed"]
    assert (told["reader"], told["reader_name"], told["held"]) == (reader.pk, reader.display_name, 0)
    assert told["terms"]["suggested to the reader"] == 0.5
    assert told["score"] == pytest.approx(score(case_of(item), at) + 0.5, abs=0.001)


def test_a_teaching_case_counts_more_for_a_trainee() -> None:
    trainee, item = make_reader(trainee=True), make_item()
    ReadingItem.objects.filter(pk=item.pk).update(teaching=True, assigned_to=None)
    services.next_case(trainee, actor=Actor.of_user(trainee), at=NOON)
    assert explain(item, NOON)["claimed"]["terms"]["teaching case"] == 1.0


def test_a_case_picked_by_hand_was_chosen_by_nobody() -> None:
    reader, item = make_reader(), make_item()
    services.claim(item.pk, reader=reader, actor=Actor.of_user(reader), at=NOON)
    assert explain(item, NOON)["claimed"] is None
    assert not Decision.objects.filter(kind=Decision.CLAIMED).exists()


def test_the_page_says_so() -> None:
    reader, item = make_reader(), make_item()
    services.next_case(reader, actor=Actor.of_user(reader), at=NOON)
    client = Client()
    client.force_login(reader)
    shown = client.get(reverse("worklist:explain", args=[item.pk])).content.decode()
    assert "asked for the next case" in shown
