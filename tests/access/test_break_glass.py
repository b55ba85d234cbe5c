"""Emergency access: one patient, one hour, known at once to those who review it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from rest_framework.test import APIClient

from ris.access.models import EmergencyAccess
from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.kernel.models import Alarm
from ris.orders.models import Order
from ris.patients.services import mark_confidential
from ris.people.models import User
from ris.people.roles import Role
from ris.people.services import issue_token
from tests.factories import NOON, TESTER, PatientFactory, SiteFactory, make_user
from tests.worklist.reading import make_item

pytestmark = pytest.mark.django_db
WHY = {"why": "emergency", "reason": "ZZ bleeds"}


@pytest.fixture
def site() -> Site:
    return SiteFactory()


@pytest.fixture
def hidden(site: Site) -> Order:
    """A confidential patient's case that waits to be read, and that nobody was given."""
    patient = PatientFactory(family_name="ZZHIDDEN", number="ZZ77")
    item = make_item(patient=patient, site=site)
    mark_confidential(patient.pk, "vip", reason="on request", actor=TESTER, at=NOON)
    return item.procedure.order


def working(name: str) -> Client:
    client = Client()
    client.post("/login/", {"username": name, "password": name})
    return client


def sees(client: Client, order: Order) -> tuple[int, bool, bool]:
    """The order's page; whether a search and the order list show the patient."""
    search = client.post("/api/patients/search/", {"text": "ZZHIDDEN"}, content_type="application/json").json()
    listed = "ZZHIDDEN" in client.get("/orders/").content.decode()
    return client.get(f"/orders/{order.pk}/").status_code, bool(search), listed


def test_it_opens_one_patient_for_an_hour_after_asking_who_is_there(hidden: Order, site: Site) -> None:
    make_user("rada", Role.RADIOLOGIST, sites=(site,))
    with time_machine.travel(NOON, tick=False) as clock:
        rada = working("rada")
        assert sees(rada, hidden) == (404, False, False)
        clock.shift(timedelta(minutes=6))
        asked = rada.post("/emergency/", WHY | {"number": "ZZ77"})
        assert asked["Location"].startswith("/account/reauthenticate/") and not EmergencyAccess.objects.exists()
        done = rada.post(asked["Location"], {"password": "rada"})
        assert done["Location"] == f"/patients/{hidden.patient_id}/"
        page = rada.get(done["Location"]).content.decode()
        assert "Emergency access to ZZHIDDEN, Alpha" in page and sees(rada, hidden) == (200, True, True)
        assert Alarm.objects.get(kind="break-glass").cleared_at is None
        access = EmergencyAccess.objects.get()
        view = AuditEvent.objects.filter(action="order.view").latest("pk")
        assert (view.purpose, view.detail["emergency_access"]) == ("BTG", access.pk)
        clock.shift(timedelta(minutes=61))
        rada = working("rada")  # the screen has locked meanwhile
        assert sees(rada, hidden) == (404, False, False)
        assert "Emergency access to" not in rada.get("/orders/").content.decode()


def test_it_can_be_ended_by_hand_and_counts_for_nobody_else(hidden: Order, site: Site) -> None:
    rada = make_user("rada", Role.RADIOLOGIST, sites=(site,))
    make_user("rex", Role.RADIOLOGIST, sites=(site,))
    browser = working("rada")
    browser.post("/emergency/", WHY | {"number": hidden.accession})  # logged in just now: nobody is asked again
    access = EmergencyAccess.objects.get()
    assert sees(browser, hidden)[0] == 200 and sees(working("rex"), hidden) == (404, False, False)
    token = issue_token(rada, label="script", actor=TESTER, at=NOON)
    program = APIClient(headers={"authorization": f"Bearer {token}"})
    assert program.get(f"/api/orders/{hidden.pk}/").status_code == 404
    assert working("rex").post(f"/emergency/{access.pk}/end/").status_code == 404
    assert browser.post(f"/emergency/{access.pk}/end/").status_code == 302
    assert sees(browser, hidden) == (404, False, False)


@pytest.mark.parametrize(
    ("said", "status"),
    [({"number": "ZZ00"}, 400), ({"reason": ""}, 400), ({"why": "curious"}, 400), ({"number": ""}, 400)],
)
def test_what_is_not_said_in_full_opens_nothing(hidden: Order, site: Site, said: dict[str, str], status: int) -> None:
    make_user("rada", Role.RADIOLOGIST, sites=(site,))
    answer = working("rada").post("/emergency/", WHY | {"number": "ZZ77"} | said)
    assert answer.status_code == status and "ZZHIDDEN" not in answer.content.decode()
    assert not EmergencyAccess.objects.exists()


def test_neither_a_clerk_nor_who_works_elsewhere_nor_a_program_breaks_the_glass(hidden: Order, site: Site) -> None:
    make_user("seth", Role.SCHEDULER, sites=(site,))
    make_user("stranger", Role.RADIOLOGIST, sites=(SiteFactory(code="south"),))
    assert working("seth").post("/emergency/", WHY | {"number": "ZZ77"}).status_code == 403
    assert working("stranger").post("/emergency/", WHY | {"number": "ZZ77"}).status_code == 400
    token = issue_token(make_user("rada", Role.RADIOLOGIST, sites=(site,)), label="zz", actor=TESTER, at=NOON)
    program = APIClient(headers={"authorization": f"Bearer {token}"})
    said = {"number": "ZZ77", "why": "emergency", "words": "ZZ"}
    assert program.post("/api/emergency-accesses/", said).json()["code"] == "reauthenticate"
    assert not EmergencyAccess.objects.exists()


def judging(client: Client, access: EmergencyAccess, verdict: str, words: str = "") -> Any:
    return client.post(f"/audit/reviews/{access.pk}/judge/", {"verdict": verdict, "reason": words})


def test_a_privacy_officer_judges_it_once_and_the_alarm_is_over(hidden: Order, site: Site) -> None:
    make_user("rada", Role.RADIOLOGIST, sites=(site,))
    make_user("paula", Role.PRIVACY_OFFICER, sites=(site,))
    make_user("ada", Role.ADMINISTRATOR, sites=(site,))
    working("rada").post("/emergency/", WHY | {"number": "ZZ77"})
    access = EmergencyAccess.objects.get()
    paula, ada = working("paula"), working("ada")
    assert "ZZHIDDEN" in paula.get("/audit/reviews/").content.decode()
    assert f"#{access.pk} by rada" in paula.get("/alarms/").content.decode()
    for where in ("/audit/reviews/", "/audit/", "/api/emergency-accesses/reviews/"):
        assert "ZZHIDDEN" not in ada.get(where).content.decode(), "an administrator is no privacy officer"
    assert judging(ada, access, "justified").status_code == 404
    assert judging(paula, access, "unjustified").status_code == 400, "words are wanted"
    assert judging(paula, access, "question", "why?").status_code == 302
    assert Alarm.objects.get(kind="break-glass").cleared_at is None
    assert judging(paula, access, "justified").status_code == 302
    assert judging(paula, access, "unjustified", "no").status_code == 409
    assert Alarm.objects.get(kind="break-glass").cleared_at is not None
    verdicts = AuditEvent.objects.filter(action="break-glass.judge").values_list("detail__verdict", flat=True)
    assert list(verdicts) == ["question", "justified"]
    judged = paula.get("/api/emergency-accesses/reviews/?judged=true").json()
    assert [row["verdict"] for row in judged] == ["justified"]


def test_nobody_judges_their_own(hidden: Order, site: Site) -> None:
    make_user("rada", Role.RADIOLOGIST, Role.PRIVACY_OFFICER, sites=(site,))
    rada = working("rada")
    rada.post("/emergency/", WHY | {"number": "ZZ77"})
    assert judging(rada, EmergencyAccess.objects.get(), "justified").status_code == 403


def test_who_was_switched_off_or_twice_asked_has_one_access(hidden: Order, site: Site) -> None:
    make_user("rada", Role.RADIOLOGIST, sites=(site,))
    rada = working("rada")
    for _ in range(2):
        said = {"number": "ZZ77", "why": "consult", "words": "ZZ asked for help"}
        answer = rada.post("/api/emergency-accesses/", said, content_type="application/json")
        assert answer.status_code == 201
    assert [row["patient"] for row in rada.get("/api/emergency-accesses/").json()] == [hidden.patient_id]
    assert EmergencyAccess.objects.count() == 1 and Alarm.objects.get(kind="break-glass").times == 1
    assert User.objects.get(username="rada").break_glass_until == EmergencyAccess.objects.get().ends_at
