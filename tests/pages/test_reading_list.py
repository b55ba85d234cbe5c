from __future__ import annotations

from django.urls import reverse

from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import SiteFactory, make_user
from worklist.models import ReadingItem
from worklist.states import CLAIMED

from .conftest import client_of, open_case


def row(item: ReadingItem) -> str:
    return f'id="item-{item.pk}"'


def test_rows_are_read_again_by_id_and_one_that_left_is_missing(radiologist: User, item: ReadingItem) -> None:
    foreign = open_case(SiteFactory(code="south"))
    client = client_of(radiologist)
    shown = client.get(reverse("worklist:rows"), {"list": "all", "ids": f"{item.pk},{foreign.pk},999"}).content.decode()
    assert row(item) in shown
    assert row(foreign) not in shown, "a number heard on the live line shows no foreign row"


def test_seeing_the_list_is_audited_once_a_page(radiologist: User, item: ReadingItem) -> None:
    client_of(radiologist).get(reverse("worklist:list"))
    assert AuditEvent.objects.filter(action="worklist.view", user=radiologist).count() == 1


def test_claiming_leads_to_the_room_and_the_second_is_told_who_was_faster(
    radiologist: User, item: ReadingItem, site: Site
) -> None:
    htmx = {"HX-Request": "true"}
    first = client_of(radiologist, **htmx).post(reverse("worklist:claim", args=[item.pk]))
    assert first["HX-Redirect"] == reverse("reporting:room", args=[item.pk])
    other = make_user("radb", Role.RADIOLOGIST, sites=(site,))
    second = client_of(other, **htmx).post(reverse("worklist:claim", args=[item.pk]))
    assert second.status_code == 409 and "Rada Test took this case" in second["HX-Trigger"]
    shown = client_of(other).get(reverse("worklist:rows"), {"list": "all", "ids": item.pk}).content.decode()
    assert "Rada Test" in shown


def test_next_case_is_chosen_by_the_server_a_newer_stat_first(radiologist: User, site: Site) -> None:
    open_case(site)
    stat = open_case(site, priority="STAT")
    answer = client_of(radiologist, **{"HX-Request": "true"}).post(reverse("worklist:next"))
    assert answer["HX-Redirect"] == reverse("reporting:room", args=[stat.pk])
    assert stat.reread().state == CLAIMED


def test_no_case_for_me_is_said_and_nothing_moves(radiologist: User) -> None:
    answer = client_of(radiologist, **{"HX-Request": "true"}).post(reverse("worklist:next"))
    assert answer.status_code == 204 and "No case waits" in answer["HX-Trigger"]


def test_skipping_needs_a_reason(radiologist: User, item: ReadingItem) -> None:
    answer = client_of(radiologist, **{"HX-Request": "true"}).post(reverse("worklist:skip", args=[item.pk]))
    assert answer.status_code == 400 and "Say why" in answer["HX-Trigger"]


def test_who_only_watches_sees_no_hands(item: ReadingItem, site: Site) -> None:
    admin = client_of(make_user("adm", Role.ADMINISTRATOR, sites=(site,)))
    shown = admin.get(reverse("worklist:list"), {"list": "all"}).content.decode()
    assert row(item) in shown and "Next case" not in shown
    assert admin.post(reverse("worklist:claim", args=[item.pk])).status_code == 403


def test_an_unknown_list_is_refused_in_words(radiologist: User) -> None:
    answer = client_of(radiologist).get(reverse("worklist:list"), {"list": "secret"})
    assert answer.status_code == 400 and "no list called" in answer.content.decode()


def test_the_peek_says_how_much_work_a_case_is(radiologist: User, item: ReadingItem) -> None:
    shown = client_of(radiologist).get(reverse("worklist:peek", args=[item.pk])).content.decode()
    assert f"{item.rvu:.2f} RVU" in shown
