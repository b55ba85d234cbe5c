"""The list that people work from: sorted, searched over all, kept as views, handed over; the bell; the go-to box."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from ris.catalog.models import Site
from ris.kernel.alarms import raise_alarm
from ris.kernel.clock import now
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order, Study
from ris.patients.models import Patient
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import TESTER, PatientFactory, make_order, make_user
from worklist.models import ListView, Notice, ReadingItem
from worklist.services import claim, take_over, write_list_entries, write_missing_entries

from .conftest import client_of, open_case


@pytest.fixture
def cases(site: Site) -> dict[str, ReadingItem]:
    """Three cases of three people, the second the most urgent."""
    found = {}
    for name, priority in (("ZZTESTBRAVO", "ROUTINE"), ("ZZTESTCHARLIE", "STAT"), ("ZZTESTALPHA", "ROUTINE")):
        patient = PatientFactory(family_name=name, search_name=f"{name}^GIVEN", birth_date=None)
        order_said: dict[str, Any] = {"priority": priority, "reason": f"Reason of {name}"}
        case = open_case(site, **order_said)
        Order.objects.filter(pk=case.procedure.order_id).update(patient=patient)
        found[name] = case
    write_list_entries(case.pk for case in found.values())
    return found


def names_in(text: str) -> list[str]:
    """The family names of the rows, in their order."""
    return [part.split(",")[0] for part in text.split('<span class="name">')[1:]]


def listed(client: Client, search: str = "", **said: str) -> list[str]:
    where = reverse("worklist:rows", query=said)
    answer = client.post(where, {"q": search}) if search else client.get(where)
    return names_in(answer.content.decode())


def test_any_column_sorts_both_ways(radiologist: User, cases: dict[str, ReadingItem]) -> None:
    client = client_of(radiologist)
    assert listed(client, list="all", sort="patient") == ["ZZTESTALPHA", "ZZTESTBRAVO", "ZZTESTCHARLIE"]
    assert listed(client, list="all", sort="-patient") == ["ZZTESTCHARLIE", "ZZTESTBRAVO", "ZZTESTALPHA"]
    assert listed(client, list="all")[0] == "ZZTESTCHARLIE", "in reading order the most urgent stands first"
    for column in ("urgency", "due", "exam", "age", "wait", "reason", "location", "priors", "images", "site", "reader"):
        assert len(listed(client, list="all", sort=column)) == 3


def test_the_search_looks_at_every_case_and_no_address_has_its_words(
    radiologist: User, cases: dict[str, ReadingItem], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worklist.pages.reading_list.ROWS", 1)
    client = client_of(radiologist)
    assert listed(client, list="all") == ["ZZTESTCHARLIE"], "a page has one row here"
    assert listed(client, "bravo", list="all") == ["ZZTESTBRAVO"], "any part of the name"
    number = cases["ZZTESTALPHA"].procedure.order.reread().patient.identifiers.get().value
    for words in (number, cases["ZZTESTALPHA"].accession, "reason alpha"):
        assert listed(client, words, list="all") == ["ZZTESTALPHA"]
    assert listed(client, "nobody at all", list="all") == []
    shown = client.post(reverse("worklist:rows", query={"list": "all"}), {"q": "given"}).content.decode()
    assert "1–1 of 3" in shown and "given" not in shown.split("data-pager")[1]


def test_a_renamed_patient_is_found_by_the_new_name(radiologist: User, item: ReadingItem) -> None:
    Patient.objects.filter(pk=item.procedure.order.patient_id).update(search_name="ZZTESTRENAMED^A")
    assert listed(client_of(radiologist), "renamed", list="all") == []
    write_list_entries([item.pk])
    assert len(listed(client_of(radiologist), "renamed", list="all")) == 1


def test_what_opens_is_found_at_once_and_what_was_there_before_is_found_after_a_sweep(
    radiologist: User, item: ReadingItem
) -> None:
    assert item.entry.words, "a subscriber wrote it when the case opened"
    item.entry.delete()
    assert write_missing_entries() == 1 and write_missing_entries() == 0
    assert len(listed(client_of(radiologist), item.accession, list="all")) == 1


def test_images_and_priors_stand_in_the_row(radiologist: User, item: ReadingItem, site: Site) -> None:
    prior = open_case(site)
    Order.objects.filter(pk=prior.procedure.order_id).update(patient=item.procedure.order.patient)
    Study.objects.create(study_uid=item.procedure.study_uid, first_seen_at=now(), complete_at=now(), instances=9)
    write_list_entries([item.pk])
    rows = client_of(radiologist).get(reverse("worklist:rows", query={"list": "all"})).content.decode()
    mine = next(part for part in rows.split("<tr ") if f'data-id="{item.pk}"' in part)
    assert "Images complete" in mine and '1<span class="sr"> priors' in mine


def test_the_first_list_is_for_me_and_then_all_that_i_may_read(
    radiologist: User, cases: dict[str, ReadingItem]
) -> None:
    claim(cases["ZZTESTBRAVO"].pk, reader=radiologist, actor=TESTER, at=now())
    ReadingItem.objects.filter(pk=cases["ZZTESTALPHA"].pk).update(assigned_to=radiologist)
    ReadingItem.objects.filter(pk=cases["ZZTESTCHARLIE"].pk).update(assigned_to=None)
    shown = client_of(radiologist).get(reverse("worklist:list")).content.decode()
    assert names_in(shown) == ["ZZTESTBRAVO", "ZZTESTALPHA", "ZZTESTCHARLIE"], "held, suggested, the rest"


def test_a_view_is_kept_shared_and_counted_for_each_who_sees_it(
    radiologist: User, cases: dict[str, ReadingItem], site: Site
) -> None:
    said = {"name": "Charlie first", "list": "all", "sort": "-patient", "cols": "exam,patient", "shared": "1"}
    client_of(radiologist).post(reverse("worklist:view-save"), said)
    view = ListView.objects.get()
    assert view.query == "list=all&sort=-patient&cols=exam%2Cpatient"
    other = client_of(make_user("radv", Role.RADIOLOGIST, sites=(site,)))
    shown = other.get(reverse("worklist:views")).content.decode()
    assert "Charlie first" in shown and '<span class="tally">3</span>' in shown
    page = other.get(f"{reverse('worklist:list')}?{view.query}").content.decode()
    assert names_in(page)[0] == "ZZTESTCHARLIE" and "c-reason" not in page.split("<tbody")[1]
    assert other.post(reverse("worklist:view-delete", args=[view.pk])).status_code == 404
    client_of(radiologist).post(reverse("worklist:view-delete", args=[view.pk]))
    assert not ListView.objects.exists()


@pytest.mark.parametrize("said", [{"sort": "colour"}, {"cols": "exam,colour"}])
def test_an_unknown_sort_or_column_is_refused_in_words(radiologist: User, said: dict[str, str]) -> None:
    answer = client_of(radiologist).get(reverse("worklist:list"), said)
    assert answer.status_code == 400 and "colour" in answer.content.decode()


def test_suggested_cases_are_handed_over_together_and_the_colleague_hears_the_bell(
    radiologist: User, cases: dict[str, ReadingItem], site: Site
) -> None:
    colleague = make_user("radh", Role.RADIOLOGIST, sites=(site,))
    claim(cases["ZZTESTBRAVO"].pk, reader=radiologist, actor=TESTER, at=now())
    ReadingItem.objects.filter(pk=cases["ZZTESTALPHA"].pk).update(assigned_to=radiologist)
    picked = [cases["ZZTESTBRAVO"].pk, cases["ZZTESTALPHA"].pk]
    client_of(radiologist).post(
        reverse("worklist:hand-over"), {"items": picked, "to": colleague.pk, "reason": "Shift ends"}
    )
    deliver_owed(at=now())
    assert cases["ZZTESTBRAVO"].reread().reader == colleague
    assert cases["ZZTESTALPHA"].reread().assigned_to == colleague
    bell = client_of(colleague).get(reverse("worklist:bell")).content.decode()
    assert 'data-count="2"' in bell and bell.count("Rada Test handed you") == 2


def test_who_loses_a_case_hears_the_bell_until_they_saw_it(radiologist: User, item: ReadingItem, site: Site) -> None:
    claim(item.pk, reader=radiologist, actor=TESTER, at=now() - timedelta(minutes=1))
    other = make_user("rado", Role.RADIOLOGIST, sites=(site,), first_name="Otto", last_name="Other")
    take_over(item.pk, reader=other, reason="Needed now", actor=TESTER, at=now())
    deliver_owed(at=now())
    client = client_of(radiologist)
    assert "Otto Other took over" in client.get(reverse("worklist:bell")).content.decode()
    assert 'data-count="0"' in client.post(reverse("worklist:bell-seen")).content.decode()
    assert Notice.objects.get().seen_at is not None


def test_a_stat_case_in_my_field_is_in_the_bell_of_every_page(radiologist: User, site: Site) -> None:
    case = open_case(site, priority="STAT")
    ReadingItem.objects.filter(pk=case.pk).update(pool=0)
    client = client_of(radiologist)
    assert 'hx-get="/bell/"' in client.get(reverse("people:profile")).content.decode()
    assert "STAT in your field" in client.get(reverse("worklist:bell")).content.decode()


def test_one_box_goes_to_a_patient_a_case_and_a_page(radiologist: User, cases: dict[str, ReadingItem]) -> None:
    client = client_of(radiologist)

    def found(words: str) -> str:
        return client.post(reverse("go-to"), {"q": words}).content.decode()

    case = cases["ZZTESTBRAVO"]
    patient = case.procedure.order.reread().patient_id
    assert reverse("orders:patient", args=[patient]) in found("zztestbravo")
    assert reverse("reporting:room", args=[case.pk]) in found(case.accession.lower())
    assert reverse("orders:board") in found("board")
    assert "Nothing is found" in found("nobody at all")
    assert client.get(reverse("go-to"), {"q": "zztestbravo"}).status_code == 405, "no name stands in an address"


def test_the_lead_assigns_reserves_and_calls_from_the_coordinators_page(item: ReadingItem, site: Site) -> None:
    lead = client_of(make_user("leada", Role.LEAD, sites=(site,), first_name="Lea", last_name="Lead"))
    reader = make_user("radk", Role.RADIOLOGIST, sites=(site,))
    where = reverse("worklist:direct", args=[item.pk])
    lead.post(where, {"how": "assign", "to": reader.pk})
    assert item.reread().assigned_to == reader
    assert lead.post(where, {"how": "reserve", "to": reader.pk, "reason": ""}).status_code == 400
    lead.post(where, {"how": "reserve", "to": reader.pk, "reason": "Knows the case"})
    assert item.reread().reserved_for == reader
    lead.post(where, {"how": "call", "to": reader.pk})
    bell = client_of(reader).get(reverse("worklist:bell")).content.decode()
    assert "Lea Lead calls you to" in bell and 'data-count="2"' in bell
    assert client_of(reader).post(where, {"how": "call", "to": reader.pk}).status_code == 403


def test_the_coordinators_page_weighs_the_coming_hours_and_its_alarms_lead_somewhere(site: Site) -> None:
    lead = client_of(make_user("leada", Role.LEAD, sites=(site,)))
    make_order(site=site, at=now() + timedelta(hours=2))
    raise_alarm("critical-result-undelivered", "emr", at=now())
    page = lead.get(reverse("worklist:coordinator")).content.decode()
    booked = page.split("Exams booked")[1].split("</tr>")[0]
    assert booked.count('<td class="right num">1</td>') == 1 and booked.count('<td class="right num">0</td>') == 11
    assert "more than the readers have" in page, "nobody is on shift then"
    assert f'<a href="{reverse("hl7:undelivered")}">Critical result undelivered</a>' in page
    home = lead.get(reverse("people:home"))
    assert home["Location"] == reverse("worklist:coordinator")
