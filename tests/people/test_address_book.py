"""The address book on screen and over REST: for leads and administrators, searched, linked, merged, retired."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from ris.audit.models import AuditEvent
from ris.orders.intents import Person, PersonNumber
from ris.orders.models import Order
from ris.people.models import Practitioner, User
from ris.people.roles import Role
from tests.factories import SiteFactory, make_order, make_user

pytestmark = pytest.mark.django_db


def referrer(number: str, name: str = "ZZDOC^RITA", authority: str = "NORTH") -> Order:
    return make_order(referrer_entity=Person(name, (PersonNumber(number, authority),)))


def signed_in(role: Role) -> Client:
    web = Client()
    web.force_login(make_user(f"zz-{role.name.lower()}", role, sites=(SiteFactory(),)))
    return web


def post(web: Client, name: str, entry: Practitioner, **said: object) -> int:
    return web.post(reverse(f"people:{name}", args=[entry.pk]), said).status_code


def test_entries_that_orders_made_are_listed_and_found_by_name_and_number() -> None:
    referrer("DR9")
    referrer("DR8", "ZZELSE^OTTO")
    web = signed_in(Role.LEAD)
    url = reverse("people:address-book")
    assert "Made by a message" in web.get(url, {"show": "new"}).content.decode()
    for text, shown in (("zzdoc", "ZZDOC, RITA"), ("ZZDoc, Ri", "ZZDOC, RITA"), ("DR8", "ZZELSE, OTTO")):
        page = web.get(url, {"q": text}).content.decode()
        assert shown in page
        assert page.count("data-row tabindex") == 1


@pytest.mark.parametrize("role", [Role.REFERRER, Role.RADIOLOGIST, Role.SCHEDULER])
def test_others_may_neither_look_nor_link(role: Role) -> None:
    entry = referrer("DR9").practitioner
    assert entry is not None
    web = signed_in(role)
    assert web.get(reverse("people:address-book")).status_code == 403
    assert post(web, "link-practitioner", entry, account=User.objects.get().pk) == 403
    assert web.get("/api/practitioners/").status_code == 403
    assert Practitioner.objects.get().account is None


def test_a_lead_corrects_links_and_retires_an_entry() -> None:
    order = referrer("DR9")
    entry, web = Practitioner.objects.get(), signed_in(Role.LEAD)
    account = make_user("ref", Role.REFERRER)
    said = {"family": "ZZDOC", "given": "RITA", "npi": "1234567893", "phones": "555-0100, 555-0101"}
    assert post(web, "correct-practitioner", entry, **said) == 302
    assert post(web, "link-practitioner", entry, account=account.pk) == 302
    assert post(web, "retire-practitioner", entry) == 302
    assert post(web, "retire-practitioner", entry) == 409
    entry.refresh_from_db()
    order.refresh_from_db()
    assert (entry.npi, entry.phones, entry.reviewed) == ("1234567893", ["555-0100", "555-0101"], True)
    assert (entry.account, order.referrer, entry.state) == (account, account, "retired")
    assert AuditEvent.objects.filter(action="practitioner.link").count() == 1
    assert referrer("DR9").practitioner == entry  # the number still means them
    assert post(web, "retire-practitioner", entry, state="active") == 302


def test_doubles_of_one_name_are_offered_and_merged() -> None:
    first, second = referrer("DR9"), referrer("77", authority="SOUTH")
    keep, double, web = first.practitioner, second.practitioner, signed_in(Role.LEAD)
    assert keep is not None and double is not None
    assert "77" in web.get(reverse("people:practitioner", args=[keep.pk])).content.decode()
    assert post(web, "merge-practitioner", keep, double=keep.pk) == 400
    assert post(web, "merge-practitioner", keep, double=double.pk) == 302
    assert Order.objects.filter(practitioner=keep).count() == 2
    assert set(keep.numbers.values_list("number", flat=True)) == {"DR9", "77"}
    assert post(web, "merge-practitioner", keep, double=double.pk) == 409
    # An address that somebody kept shows the one that remains.
    assert "DR9" in web.get(reverse("people:practitioner", args=[double.pk])).content.decode()


def test_an_account_is_of_one_entry_and_two_npis_are_two_people() -> None:
    first, second = referrer("DR9").practitioner, referrer("DR8").practitioner
    assert first is not None and second is not None
    web, account = signed_in(Role.LEAD), make_user("ref", Role.REFERRER)
    assert post(web, "link-practitioner", first, account=account.pk) == 302
    assert post(web, "link-practitioner", second, account=account.pk) == 409
    Practitioner.objects.filter(pk=first.pk).update(npi="1234567893")
    Practitioner.objects.filter(pk=second.pk).update(npi="1234567802")
    assert post(web, "merge-practitioner", first, double=second.pk) == 409


def test_the_same_over_rest() -> None:
    first, second = referrer("DR9").practitioner, referrer("77", authority="SOUTH").practitioner
    assert first is not None and second is not None
    web, account = signed_in(Role.ADMINISTRATOR), make_user("ref", Role.REFERRER)
    rows = web.get("/api/practitioners/?search=zzdoc&reviewed=false").json()
    rows = rows["results"] if isinstance(rows, dict) else rows
    assert {row["numbers"][0]["number"] for row in rows} == {"DR9", "77"}

    def call(action: str, /, **said: object) -> tuple[int, dict[str, object]]:
        answer = web.post(f"/api/practitioners/{first.pk}/{action}/", said, content_type="application/json")
        return answer.status_code, answer.json()

    assert call("merge", double=second.pk)[0] == 200
    status, body = call("link", account=account.pk)
    assert (status, body["account"]) == (200, account.pk)
    assert call("correct", name="ZZNEW^RITA")[1]["name"] == "ZZNEW^RITA"
    assert call("retire")[1]["state"] == "retired" and call("reinstate")[1]["state"] == "active"
    assert call("link", account=999_999)[0] == 404
    mine = Client()
    mine.force_login(account)
    assert mine.get("/api/orders/mine/").status_code == 200
