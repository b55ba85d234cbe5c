"""The reading list asks the database the same few questions, however many rows it shows."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ris.people.roles import Can
from ris.people.selectors import permissions_of, read_permissions_once, site_ids_for
from tests.worklist.reading import make_many, make_reader

pytestmark = pytest.mark.django_db

MOST_QUERIES = 15


def queries(browser: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(url).status_code == 200
    return len(captured)


@pytest.mark.parametrize(
    "route,name", [("worklist:list", "all"), ("worklist:list", "mine"), ("reading-item-list", "all")]
)
def test_the_list_takes_as_many_queries_for_200_rows_as_for_5(route: str, name: str) -> None:
    url = f"{reverse(route)}?list={name}"
    browser = Client()
    browser.force_login(make_reader())
    make_many(5)
    browser.get(url)  # whatever is read once in a process's life
    few = queries(browser, url)
    make_many(195)
    assert queries(browser, url) == few <= MOST_QUERIES


def test_the_rows_come_in_reading_order_with_their_people() -> None:
    reader = make_reader()
    items = make_many(3)
    type(items[0]).objects.filter(pk=items[2].pk).update(rank=items[0].rank + 1, assigned_to=reader)
    browser = Client()
    browser.force_login(reader)
    page = browser.get(reverse("worklist:rows") + "?list=all").content.decode()
    places = [page.index(f'id="item-{item.pk}"') for item in (items[2], items[0], items[1])]
    assert places == sorted(places)
    assert "for you" in page


def test_outside_of_a_request_a_change_of_role_counts_at_once() -> None:
    reader = make_reader()
    assert Can.READ_CASES in permissions_of(reader)
    with read_permissions_once():
        assert site_ids_for(reader, Can.READ_CASES)
        reader.groups.clear()
        assert site_ids_for(reader, Can.READ_CASES)
    assert permissions_of(reader) == frozenset()
    assert site_ids_for(reader, Can.READ_CASES) == frozenset()
