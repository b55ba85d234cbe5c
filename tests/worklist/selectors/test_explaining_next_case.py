"""Why a reader was given a case when they asked for the next one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from ris.audit.services import Actor
from tests.factories import SiteFactory
from tests.worklist.reading import NOON, make_item, make_reader
from worklist import services
from worklist.models import Decision, ReadingItem
from worklist.rules.score import score
from worklist.selectors.explain import explain
from worklist.services.urgency.item_price import case_of

pytestmark = pytest.mark.django_db


def test_the_score_for_that_reader_at_that_moment_is_kept() -> None:
    reader, item, at = make_reader(), make_item(priority="STAT"), NOON + timedelta(minutes=20)
    ReadingItem.objects.filter(pk=item.pk).update(assigned_to=reader)
    services.next_case(reader, actor=Actor.of_user(reader), at=at)
    assert explain(item, NOON, viewer=reader)["claimed"] is None
    told = explain(item, at, viewer=reader)["claimed"]
    assert (told["reader"], told["reader_name"], told["held"]) == (reader.pk, reader.display_name, 0)
    assert told["terms"]["suggested to the reader"] == 0.5
    assert told["score"] == pytest.approx(score(case_of(item), at) + 0.5, abs=0.001)


def test_a_teaching_case_counts_more_for_a_trainee() -> None:
    trainee, item = make_reader(trainee=True), make_item()
    ReadingItem.objects.filter(pk=item.pk).update(teaching=True, assigned_to=None)
    services.next_case(trainee, actor=Actor.of_user(trainee), at=NOON)
    assert explain(item, NOON, viewer=trainee)["claimed"]["terms"]["teaching case"] == 1.0


def test_what_else_stood_there_is_kept_with_what_ruled_it_out() -> None:
    reader, other = make_reader(), make_reader("other")
    reserved, declined, given, later = (make_item(priority=p) for p in ("STAT", "HIGH", "MEDIUM", "ROUTINE"))
    ReadingItem.objects.filter(pk=reserved.pk).update(reserved_for=other)
    services.skip(declined.pk, reader=reader, reason="my own patient", actor=Actor.of_user(reader), at=NOON)
    assert services.next_case(reader, actor=Actor.of_user(reader), at=NOON) == given
    told = explain(given, NOON, viewer=reader)["claimed"]["considered"]
    assert [(row["item"], row["by"]) for row in told] == [
        (reserved.pk, "reserved"),
        (declined.pk, "skipped"),
        (later.pk, ""),
    ]
    assert [row["because"] for row in told] == [
        "it is reserved for somebody else",
        "the reader declined it",
        "came after it",
    ]


def test_nobody_learns_there_of_a_case_that_they_may_not_see() -> None:
    south = SiteFactory(code="south")
    reader = make_reader(sites=(SiteFactory(), south))
    colleague = make_reader("here only")
    item, foreign = make_item(priority="STAT"), make_item(site=south)
    assert services.next_case(reader, actor=Actor.of_user(reader), at=NOON) == item
    assert [row["item"] for row in explain(item, NOON, viewer=reader)["claimed"]["considered"]] == [foreign.pk]
    assert explain(item, NOON, viewer=colleague)["claimed"]["considered"] == []


def test_a_case_picked_by_hand_was_chosen_by_nobody() -> None:
    reader, item = make_reader(), make_item()
    services.claim(item.pk, reader=reader, actor=Actor.of_user(reader), at=NOON)
    assert explain(item, NOON, viewer=reader)["claimed"] is None
    assert not Decision.objects.filter(kind=Decision.CLAIMED).exists()


def test_the_page_says_so() -> None:
    reader, item = make_reader(), make_item()
    services.next_case(reader, actor=Actor.of_user(reader), at=NOON)
    client = Client()
    client.force_login(reader)
    shown = client.get(reverse("worklist:explain", args=[item.pk])).content.decode()
    assert "asked for the next case" in shown
