"""Pieces of work in one transaction read once what all need, and write once what none reads back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ris.audit.models import AuditEvent
from ris.audit.services import Actor, record
from ris.catalog.models import Site
from ris.kernel.db.statements import PreparedQuery
from ris.kernel.db.transactions import defer, lock_name, open_batch

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
TESTER = Actor.job("test")


@pytest.fixture
def site() -> Site:
    return Site.objects.create(code="north", name="North", accession_prefix="N", assigning_authority="X")


def test_what_is_owed_is_done_once_at_the_end_in_its_order() -> None:
    done: list[list[int]] = []
    with transaction.atomic(), open_batch():
        for number in (1, 2, 3):
            defer(done.append, number)
        assert done == []
    assert done == [[1, 2, 3]]


def test_alone_it_is_done_at_once() -> None:
    done: list[list[int]] = []
    defer(done.append, 1)
    assert done == [[1]]


def test_a_piece_that_fails_leaves_nothing_owed_and_the_others_theirs(site: Site) -> None:
    def piece(number: int) -> None:
        with transaction.atomic(), open_batch():
            record(TESTER, "test.piece", site, at=AT, number=number)
            if number == 2:
                raise ValueError

    with transaction.atomic(), open_batch():
        for number in (1, 2, 3):
            try:
                piece(number)
            except ValueError:
                continue
        assert not AuditEvent.objects.exists()
    assert [event.detail["number"] for event in AuditEvent.objects.order_by("pk")] == [1, 3]


def test_what_none_of_them_changes_is_read_once(site: Site) -> None:
    steady = PreparedQuery(lambda code: Site.objects.filter(code=code), steady=True)
    other = PreparedQuery(lambda code: Site.objects.filter(code=code))
    steady.first("north"), other.first("north")

    with transaction.atomic(), open_batch(), CaptureQueriesContext(connection) as asked:
        assert [steady.first("north"), steady.first("north")] == [site, site]
        assert steady.first("west") is None
        assert other.first("north") == other.first("north")
    assert len(asked) == 4
    with CaptureQueriesContext(connection) as asked:
        steady.first("north"), steady.first("north")
    assert len(asked) == 2


def test_a_lock_that_is_held_is_not_asked_for_again_unless_it_was_rolled_back() -> None:
    with transaction.atomic(), open_batch(), CaptureQueriesContext(connection) as asked:
        lock_name("a", "b")
        lock_name("a")
        try:
            with transaction.atomic(), open_batch():
                lock_name("c")
                raise ValueError
        except ValueError:
            lock_name("b", "c")
    locks = [query["sql"] for query in asked if "advisory" in query["sql"]]
    wanted = [2, 1, 1] if connection.vendor == "postgresql" else []  # SQLite has one writer and needs no such lock
    assert [sql.count("pg_advisory_xact_lock") for sql in locks] == wanted
