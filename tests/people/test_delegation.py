"""Acting for another: within named duties and times, never more than the other may, and named with all that is done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from rest_framework.test import APIClient

from ris.audit.models import AuditEvent
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.people.delegation.services import DUTIES, DelegationIntent, Duty, delegate
from ris.people.models import Acting, Delegation, LoginRule, User
from ris.people.roles import Can, Role
from ris.people.selectors import permissions_of, site_ids_for, sites_for
from ris.people.services import withdraw
from tests.factories import NOON, TESTER, SiteFactory, make_order, make_user

pytestmark = pytest.mark.django_db


def working(name: str) -> Client:
    client = Client()
    assert client.post("/login/", {"username": name, "password": name}).status_code == 302
    return client


@pytest.fixture
def people() -> tuple[User, User]:
    """A lead of two sites, and a scheduler of one of them."""
    north, south = SiteFactory(), SiteFactory(code="south")
    lead = make_user("lena", Role.LEAD, sites=(north, south), first_name="Lena", last_name="Zztest")
    return lead, make_user("seth", Role.SCHEDULER, sites=(north,))


def let(lead: User, seth: User, *duties: Duty, **said: Any) -> Delegation:
    times = {"begins_at": now(), "ends_at": now() + timedelta(days=7)} | said
    intent = DelegationIntent(delegate_id=seth.pk, duties=duties, reason="on leave", **times)
    return delegate(lead, intent, actor=TESTER, at=now())


def test_a_delegate_does_the_duty_for_the_other_and_everybody_sees_for_whom(people: tuple[User, User]) -> None:
    lead, seth = people
    there = make_order(site=lead_site(lead, "south"))
    with time_machine.travel(NOON, tick=False) as clock:
        mine, theirs = working("lena"), working("seth")
        form = {"delegate": seth.pk, "duties": [Duty.LEAD.value], "reason": "on leave",
                "ends_at": (NOON + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")}  # fmt: skip
        form["begins_at"] = NOON.strftime("%Y-%m-%dT%H:%M")
        answer = mine.post("/profile/delegations/", form)
        assert answer.status_code == 302, answer.content.decode()
        row = Delegation.objects.get()
        assert theirs.get("/coordinator/").status_code == 403
        theirs.post(f"/profile/delegations/{row.pk}/act/")
        page = theirs.get("/coordinator/")
        assert page.status_code == 200 and "You act for <b>Lena Zztest</b>" in page.content.decode()
        assert theirs.get(f"/orders/{there.pk}/").status_code == 200
        event = AuditEvent.objects.filter(subject="Order", user=seth).latest("pk")
        assert (event.actor, event.acting_for) == ("seth", lead)
        assert theirs.get("/orders/new/").status_code == 403, "their own permissions wait meanwhile"
        assert theirs.post("/profile/delegations/", form).status_code == 409, "nothing is given on"
        theirs.post("/profile/delegations/stop/")
        assert theirs.get("/coordinator/").status_code == 403 and theirs.get("/orders/new/").status_code == 200
        theirs.post("/profile/theme/", {"theme": "dark"})
        assert AuditEvent.objects.get(action="people.preferences").acting_for is None

        theirs.post(f"/profile/delegations/{row.pk}/act/")
        mine.post(f"/profile/delegations/{row.pk}/revoke/")
        assert theirs.get("/coordinator/").status_code == 403, "revoked: from the next click on"
        assert theirs.post(f"/profile/delegations/{row.pk}/act/").status_code == 404
        again = let(lead, seth, Duty.LEAD, ends_at=NOON + timedelta(minutes=5))
        theirs.post(f"/profile/delegations/{again.pk}/act/")
        assert theirs.get("/coordinator/").status_code == 200
        clock.shift(timedelta(minutes=5))
        assert theirs.get("/coordinator/").status_code == 403, "over"
    done = set(AuditEvent.objects.filter(action__startswith="people.").values_list("action", flat=True))
    assert done >= {"people.delegate", "people.act-for", "people.act-stop", "people.delegation-revoke"}


def lead_site(lead: User, code: str) -> Any:
    return sites_for(lead, Can.LEAD_READING).get(code=code)


def test_it_is_never_wider_than_what_the_delegator_may_at_that_moment(people: tuple[User, User]) -> None:
    lead, seth = people
    row = let(lead, seth, Duty.LEAD, Duty.RESULTS, Duty.IDENTITY)
    seth.acting = Acting(row.pk, lead, frozenset(Can), row.ends_at)
    assert permissions_of(seth) == permissions_of(lead) and Can.PLACE_ORDERS not in permissions_of(seth)
    withdraw(lead, roles=[Role.LEAD], actor=TESTER, at=now())
    assert not permissions_of(seth) and not site_ids_for(seth, Can.LEAD_READING)
    never = {Can.SIGN_REPORTS, Can.RETRACT_REPORTS, Can.READ_CASES, Can.SET_UP, Can.SEE_AUDIT, Can.MEND_MESSAGES}
    assert not never & frozenset().union(*DUTIES.values())


def test_what_cannot_be_given(people: tuple[User, User]) -> None:
    lead, seth = people
    stranger = make_user("zz", Role.SCHEDULER, sites=(SiteFactory(code="east"),))
    for wrong in ({"ends_at": now() + timedelta(days=31)}, {"begins_at": now() + timedelta(days=9)},
                  {"begins_at": now() - timedelta(days=2), "ends_at": now() - timedelta(days=1)}):  # fmt: skip
        with pytest.raises(Invalid):
            let(lead, seth, Duty.LEAD, **wrong)
    for giver, taker, duty, refusal in ((lead, seth, Duty.ORDERS, Invalid), (lead, stranger, Duty.LEAD, NotFound),
                                        (lead, lead, Duty.LEAD, NotFound)):  # fmt: skip
        with pytest.raises(refusal):
            let(giver, taker, duty)
    seth.acting = Acting(1, lead, frozenset(Can), now())
    with pytest.raises(Conflict):
        let(seth, lead, Duty.LEAD)
    api = APIClient()
    api.force_authenticate(stranger)
    row = let(lead, seth, Duty.LEAD)
    assert api.get("/api/delegations/").json()["results"] == []
    assert api.delete(f"/api/delegations/{row.pk}/").status_code == 404
    api.force_authenticate(User.objects.get(pk=seth.pk))
    assert [found["id"] for found in api.get("/api/delegations/").json()["results"]] == [row.pk]
    assert api.delete(f"/api/delegations/{row.pk}/").status_code == 204


def test_who_acts_for_somebody_needs_the_second_factor_that_is_demanded_of_them(people: tuple[User, User]) -> None:
    lead, seth = people
    LoginRule.objects.create(role=Role.LEAD, second_factor=True)
    row = let(lead, seth, Duty.LEAD)
    browser = working("seth")
    assert browser.post(f"/profile/delegations/{row.pk}/act/").status_code == 409
    assert browser.get("/coordinator/").status_code == 403
