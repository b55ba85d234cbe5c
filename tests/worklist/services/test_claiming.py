"""Claims: one winner, leases that end, reasons that are kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from ris.audit.models import AuditEvent
from ris.audit.services import Actor
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_user
from tests.racing import race
from tests.worklist.reading import make_item, make_many, make_reader
from worklist import services
from worklist.models import ReadingItem, Skip
from worklist.services.claims.claim import LEASE

pytestmark = pytest.mark.django_db


def by(user: User) -> dict[str, object]:
    return {"reader": user, "actor": Actor.of_user(user), "at": NOON}


def test_a_claim_reserves_the_item_and_is_audited() -> None:
    reader, item = make_reader(), make_item()
    taken = services.claim(item.pk, **by(reader))
    assert (taken.state, taken.reader, taken.lease_until) == ("claimed", reader, NOON + LEASE)
    assert taken.lane is None
    audited = AuditEvent.objects.get(action="item.claimed")
    assert audited.patient_id == item.procedure.order.patient_id


def test_a_second_claim_is_refused() -> None:
    item = make_item()
    services.claim(item.pk, **by(make_reader("one")))
    with pytest.raises(Conflict):
        services.claim(item.pk, **by(make_reader("two")))


def test_a_foreign_site_looks_as_if_it_had_nothing() -> None:
    item = make_item()
    stranger = make_reader("far", sites=(SiteFactory(code="south"),))
    with pytest.raises(NotFound):
        services.claim(item.pk, **by(stranger))


def test_someone_without_the_role_may_not_claim() -> None:
    tech = make_user("tech", Role.TECHNOLOGIST, sites=(SiteFactory(),))
    with pytest.raises(Forbidden):
        services.claim(make_item().pk, **by(tech))


def test_no_more_cases_can_be_held_than_allowed() -> None:
    reader = make_reader(most_claims=2)
    first, second, third = make_many(3)
    services.claim(first.pk, **by(reader))
    services.claim(second.pk, **by(reader))
    with pytest.raises(Conflict) as refused:
        services.claim(third.pk, **by(reader))
    assert refused.value.code == "claims-full"


def test_a_released_case_waits_again_where_it_stood() -> None:
    reader, item = make_reader(), make_item()
    services.claim(item.pk, **by(reader))
    back = services.release(item.pk, **by(reader))
    assert (back.state, back.reader, back.lane) == ("unread", None, item.lane)
    with pytest.raises(Conflict):
        services.release(item.pk, **by(reader))


def test_a_case_returns_when_its_lease_runs_out() -> None:
    reader, item = make_reader(), make_item()
    services.claim(item.pk, **by(reader))
    assert services.expire_leases(NOON + LEASE - timedelta(seconds=1)) == 0
    assert services.expire_leases(NOON + LEASE) == 1
    assert services.expire_leases(NOON + LEASE) == 0
    assert item.reread().state == "unread"


def test_a_heartbeat_keeps_the_claim() -> None:
    reader, item = make_reader(), make_item()
    services.claim(item.pk, **by(reader))
    assert services.extend_lease(item.pk, reader=reader, at=NOON + timedelta(minutes=9))
    assert services.expire_leases(NOON + timedelta(minutes=12)) == 0
    assert not services.extend_lease(item.pk, reader=make_reader("other"), at=NOON)


def test_taking_over_needs_a_reason_and_moves_the_case() -> None:
    one, two, item = make_reader("one"), make_reader("two"), make_item()
    services.claim(item.pk, **by(one))
    with pytest.raises(Invalid):
        services.take_over(item.pk, reason=" ", **by(two))
    taken = services.take_over(item.pk, reason="colleague was called away", **by(two))
    assert taken.reader == two
    row = AuditEvent.objects.get(action="item.takenover")
    assert row.reason == "colleague was called away"
    assert row.detail["from_reader"] == one.pk


def test_a_declined_case_is_not_given_to_that_reader_again() -> None:
    reader, item = make_reader(), make_item()
    services.next_case(**by(reader))
    services.skip(item.pk, reason="not my field", **by(reader))
    assert item.reread().state == "unread"
    assert services.next_case(**by(reader)) is None
    assert Skip.objects.get().reason == "not my field"
    assert services.next_case(**by(make_reader("two"))) == item


def test_a_parked_case_comes_back_by_itself() -> None:
    reader, item = make_reader(), make_item()
    services.claim(item.pk, **by(reader))
    until = NOON + timedelta(minutes=30)
    services.park(item.pk, until=until, reason="waiting for priors", **by(reader))
    assert services.next_case(**by(reader)) is None
    from worklist.services.claims.deferral import resume_due

    assert resume_due(until - timedelta(seconds=1)) == 0
    assert resume_due(until) == 1
    assert services.next_case(**by(reader)) == item


def test_a_cancelled_procedure_leaves_the_list_unless_it_is_final() -> None:
    reader, item = make_reader(), make_item()
    services.claim(item.pk, **by(reader))
    services.finish(item.pk, **by(reader))
    assert services.cancel_item(item.procedure_id, at=NOON) is None
    other = make_item()
    assert services.cancel_item(other.procedure_id, at=NOON).state == "cancelled"  # type: ignore[union-attr]


def test_opening_twice_gives_the_same_item() -> None:
    item = make_item()
    assert services.open_item(item.procedure_id, at=NOON + timedelta(hours=1)) == item
    assert ReadingItem.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_64_who_claim_one_item_one_wins() -> None:
    item = make_item()
    readers = [make_reader(f"reader{n}") for n in range(64)]
    outcomes = race(64, lambda n: services.claim(item.pk, **by(readers[n])))
    won = [o for o in outcomes if isinstance(o, ReadingItem)]
    lost = [o for o in outcomes if isinstance(o, Conflict)]
    assert (len(won), len(lost)) == (1, 63)
    assert item.reread().reader_id == won[0].reader_id


@pytest.mark.django_db(transaction=True)
def test_two_claims_at_once_do_not_pass_the_cap() -> None:
    reader = make_reader(most_claims=1)
    items = make_many(8)
    race(8, lambda n: services.claim(items[n].pk, **by(reader)))
    assert ReadingItem.objects.filter(reader=reader).count() == 1


@pytest.mark.django_db(transaction=True)
def test_64_readers_over_1000_cases_neither_double_nor_lose_one() -> None:
    items = make_many(1000)
    readers = [make_reader(f"reader{n}", most_claims=1000, most_minutes=30000) for n in range(64)]

    def read_all(n: int) -> list[int]:
        mine = []
        while (item := services.next_case(**by(readers[n]))) is not None:
            mine.append(item.pk)
            if connection.vendor == "postgresql":
                connection.close()  # as each request does, so that 64 share the pool
        return mine

    taken = race(64, read_all)
    assert all(isinstance(mine, list) for mine in taken), [t for t in taken if not isinstance(t, list)][:3]
    every = [pk for mine in taken for pk in mine]
    assert len(every) == len(set(every)) == 1000
    assert set(every) == {item.pk for item in items}
