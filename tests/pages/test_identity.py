"""Questions of identity on screen and over REST: side by side, decided with a reason, for those who may."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order
from ris.patients.models import IdentityQuestion
from ris.people.roles import Role
from tests.factories import NOON, DeviceFactory, ProcedureFactory, SiteFactory, make_user
from tests.interfaces.hl7.hl7 import message, msh, obr, orc, take

pytestmark = pytest.mark.django_db
KNOWN = "PID|||T1^^^NORTH^MR||ZZTEST^ALPHA||19450714|F"
STRANGER = "PID|||T1^^^NORTH^MR||ZZOTHER^CARL||19900102|M"


@pytest.fixture
def question(db: None) -> IdentityQuestion:
    site = SiteFactory()
    DeviceFactory(site=site)
    ProcedureFactory()
    take(message(msh("ADT^A04"), "EVN|A04|20260310120000", KNOWN, "PV1||O" + "|" * 17 + "V1"))
    take(message(msh("ORM^O01"), STRANGER, orc(), obr()))
    return IdentityQuestion.objects.get()


def signed_in(role: Role, site: Site | None = None) -> Client:
    web = Client()
    web.force_login(make_user("zz-somebody", role, sites=(site or Site.objects.get(),)))
    return web


def test_what_is_known_stands_beside_what_was_said(question: IdentityQuestion) -> None:
    page = signed_in(Role.ANALYST).get(reverse("orders:identity")).content.decode()
    assert "ZZTEST, ALPHA" in page and "ZZOTHER, CARL" in page
    assert "14-Jul-1945" in page and "02-Jan-1990" in page
    assert page.count("differs") == 3
    assert reverse("hl7:inbound", args=[question.message_id]) in page


def test_a_decision_takes_the_held_order_again(question: IdentityQuestion) -> None:
    web = signed_in(Role.ANALYST)
    url = reverse("orders:decide-identity", args=[question.pk])
    assert web.post(url, {"outcome": "same"}).status_code == 400  # without a reason
    assert web.post(url, {"outcome": "perhaps", "reason": "x"}).status_code == 400
    assert web.post(url, {"outcome": "same", "reason": "Called the ward."}).status_code == 302
    deliver_owed(at=NOON)
    assert Order.objects.get().patient == question.patient
    assert AuditEvent.objects.filter(action="patient.identity").count() == 1
    assert web.post(url, {"outcome": "another", "reason": "No."}).status_code == 409
    assert "Called the ward." in web.get(reverse("orders:identity") + "?show=decided").content.decode()


def test_programs_see_and_decide_the_same(question: IdentityQuestion) -> None:
    web = signed_in(Role.ANALYST)
    (row,) = web.get(reverse("identity-questions")).json()
    assert (row["differing"], row["held"]) == (["name", "birth date", "sex"], True)
    url = reverse("decide-identity", args=[question.pk])
    body = {"same": False, "reason": "Called the ward."}
    assert web.post(url, body, content_type="application/json").json()["state"] == "another"
    assert web.post(url, body, content_type="application/json").status_code == 409


def test_those_who_may_not_separate_patients_do_not_see_it(question: IdentityQuestion) -> None:
    web = signed_in(Role.TECHNOLOGIST)
    assert web.get(reverse("orders:identity")).status_code == 403
    assert web.post(reverse("orders:decide-identity", args=[question.pk]), {"outcome": "same"}).status_code == 403


def test_a_question_about_a_patient_of_another_site_does_not_exist(question: IdentityQuestion) -> None:
    web = signed_in(Role.ANALYST, SiteFactory(code="far", accession_prefix="FAR"))
    assert "ZZTEST" not in web.get(reverse("orders:identity")).content.decode()
    url = reverse("orders:decide-identity", args=[question.pk])
    assert web.post(url, {"outcome": "same", "reason": "x"}).status_code == 404
