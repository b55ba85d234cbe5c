"""Exams of one order or visit that were opened together are read together."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ris.audit.services import Actor
from ris.kernel.errors import Conflict
from ris.kernel.models import Record
from ris.orders.intents import Code, ProcedureIntent, StepIntent
from ris.people.models import User
from tests.factories import NOON, TESTER, PatientFactory, SiteFactory, make_order, perform
from tests.racing import race
from tests.worklist.reading import make_item, make_reader, other_procedure
from worklist import services
from worklist.models import ReadingItem
from worklist.services.claims.claim import LEASE
from worklist.services.claims.leases import expire_leases

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def by(user: User, minutes: float = 0) -> dict[str, object]:
    return {"reader": user, "actor": Actor.of_user(user), "at": NOON + minutes * MINUTE}


def trauma(*codes: str, apart: float = 0.0) -> list[ReadingItem]:
    """A head and more of one order, done one after the other; each ``apart`` minutes after the one before."""
    other_procedure("CTSPINE", "neuro", body_region="CSPINE")
    other_procedure("CTCHEST", "chest")
    wanted = tuple(
        ProcedureIntent(code=Code(code, system="L"), steps=(StepIntent(start=NOON),)) for code in ("CTHEADWO", *codes)
    )
    procedures = make_order(at=NOON - 30 * MINUTE, procedures=wanted).procedures.order_by("pk")
    found = []
    for n, procedure in enumerate(procedures):
        perform(procedure, at=NOON - 20 * MINUTE)
        found.append(services.open_item(procedure.pk, at=NOON - (len(procedures) - n - 1) * apart * MINUTE))
    return found


def holders(*items: ReadingItem) -> list[int | None]:
    return [item.reread().reader_id for item in items]


@pytest.mark.parametrize("asked", ["by hand", "next case"])
def test_linked_exams_are_claimed_in_one_action(asked: str) -> None:
    reader, (head, spine), other = make_reader(), trauma("CTSPINE"), make_item()
    if asked == "by hand":
        services.claim(spine.pk, **by(reader))
    else:
        assert services.next_case(**by(reader)) in (head, spine)
    assert holders(head, spine, other) == [reader.pk, reader.pk, None]
    assert Record.objects.filter(kind="ItemClaimed").count() == 2


def test_exams_of_one_visit_are_linked_though_they_were_ordered_apart() -> None:
    from ris.patients.models import Visit

    patient = PatientFactory()
    visit = Visit.objects.create(patient=patient, site=SiteFactory(), number="V1", patient_class="E")
    one, two = (make_item(patient=patient, visit_id=visit.pk) for _ in range(2))
    stranger = make_item(patient=patient)
    reader = make_reader()
    services.claim(one.pk, **by(reader))
    assert holders(one, two, stranger) == [reader.pk, reader.pk, None]


def test_what_the_reader_does_not_read_or_was_opened_much_later_stays() -> None:
    reader = make_reader()
    head, chest = trauma("CTCHEST")
    services.claim(head.pk, **by(reader))
    assert holders(head, chest) == [reader.pk, None]
    early, late = trauma("CTSPINE", apart=61)
    services.claim(late.pk, **by(reader))
    assert holders(early, late) == [None, reader.pk]


def test_a_secondary_skill_will_do_for_what_is_linked() -> None:
    reader, (head, chest) = make_reader(secondary=("chest",)), trauma("CTCHEST")
    services.claim(head.pk, **by(reader))
    assert holders(head, chest) == [reader.pk, reader.pk]


def test_the_cap_counts_them_and_takes_as_many_as_fit() -> None:
    reader, (head, spine) = make_reader(most_claims=1), trauma("CTSPINE")
    services.claim(head.pk, **by(reader))
    assert holders(head, spine) == [reader.pk, None]
    full, (head, spine) = make_reader("full", most_claims=2), trauma("CTSPINE")
    services.claim(head.pk, **by(full))
    assert holders(head, spine) == [full.pk, full.pk]
    with pytest.raises(Conflict, match="You hold 2 cases"):
        services.claim(make_item().pk, **by(full))


def test_a_sign_of_life_for_one_keeps_all_and_without_all_go_back() -> None:
    reader, (head, spine) = make_reader(), trauma("CTSPINE")
    services.claim(head.pk, **by(reader))
    for item in (spine, head):
        assert services.extend_lease(item.pk, reader=reader, at=NOON + 5 * MINUTE)
        assert {i.reread().lease_until for i in (head, spine)} == {NOON + 5 * MINUTE + LEASE}
    assert expire_leases(NOON + 16 * MINUTE) == 2
    assert [i.reread().claimed_with_id for i in (head, spine)] == [None, None]


@pytest.mark.parametrize("by_the", ["one that was asked for", "one that came along"])
def test_release_and_take_over_carry_all(by_the: str) -> None:
    one, two, (head, spine) = make_reader("one"), make_reader("two"), trauma("CTSPINE")
    acted_on = head if by_the == "one that was asked for" else spine
    services.claim(head.pk, **by(one))
    services.take_over(acted_on.pk, reason="called away", **by(two, 1))
    assert holders(head, spine) == [two.pk, two.pk]
    services.release(acted_on.pk, **by(two, 2))
    assert holders(head, spine) == [None, None]
    assert {head.reread().state, spine.reread().state} == {"unread"}


def test_what_is_signed_first_leaves_the_others_with_their_reader() -> None:
    reader, (head, spine) = make_reader(), trauma("CTSPINE")
    services.claim(head.pk, **by(reader))
    services.finish(head.pk, **by(reader, 3))
    assert holders(head, spine) == [reader.pk, reader.pk]
    services.release(spine.pk, **by(reader, 4))
    assert (head.reread().state, spine.reread().state) == ("final", "unread")


def test_a_linked_exam_that_is_another_readers_is_left_to_them() -> None:
    one, two, (head, spine) = make_reader("one"), make_reader("two"), trauma("CTSPINE")
    ReadingItem.objects.filter(pk=spine.pk).update(reserved_for=two)
    services.claim(head.pk, **by(one))
    assert holders(head, spine) == [one.pk, None]
    assert services.claim(spine.pk, reader=two, actor=TESTER, at=NOON).claimed_with is None


@pytest.mark.django_db(transaction=True)
def test_of_many_who_take_linked_exams_at_once_nobody_waits_in_a_ring() -> None:
    items = trauma("CTSPINE")
    readers = [make_reader(f"reader{n}") for n in range(8)]
    outcomes = race(8, lambda n: services.claim(items[n % 2].pk, **by(readers[n])))
    won = [o for o in outcomes if isinstance(o, ReadingItem)]
    assert all(isinstance(o, ReadingItem | Conflict) for o in outcomes), outcomes
    assert {item.reread().state for item in items} == {"claimed"}
    assert 1 <= len(won) <= 2
