"""The portal: an account by invitation, one's own released reports and no others, proxies, words that explain."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from reporting import services as reporting
from reporting.models import ReportVersion
from ris.audit.models import AuditEvent
from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.kernel.errors import Forbidden, Invalid
from ris.kernel.relay import deliver_owed
from ris.patients.models import Patient
from ris.people.models import User
from ris.people.roles import Role
from ris.sharing.models import PortalAccount, PortalGrant, PortalInvitation
from ris.sharing.portal import accounts
from ris.sharing.portal.selectors import portal_reports
from tests.factories import NOON, PatientFactory, make_user
from tests.reporting.written import by, signed
from tests.worklist.reading import make_reader

from .conftest import client_of

pytestmark = pytest.mark.django_db
BORN = "1945-07-14"
PASSWORD = "a long walk by the river"


def invited(version: ReportVersion, clerk: User, kind: str = "self", **said: Any) -> str:
    order = version.report.procedure.order
    intent = accounts.InvitationIntent(kind, **said)
    return accounts.invite(order.patient_id, intent, site=order.site, inviter=clerk, actor=Actor.of_user(clerk),
                           at=now())[1]  # fmt: skip


def redeemed(code: str, name: str, born: str = BORN, client: Client | None = None) -> Client:
    client = client or Client()
    body = {"code": code, "born": born, "name": name, "password": PASSWORD}
    client.post("/portal/code/", body)
    return client


def test_from_the_desk_to_the_report_and_who_looked(version: ReportVersion, clerk: User) -> None:
    patient = version.report.procedure.order.patient
    page = client_of(clerk).post(f"/patients/{patient.pk}/portal/", {"kind": "self"})
    code = re.search(r'class="code-shown">([A-Z2-9-]+)<', page.content.decode())
    assert page.status_code == 201 and code
    assert not PortalInvitation.objects.filter(digest__contains=code[1]).exists()
    other = signed(make_reader("other"), patient=PatientFactory(family_name="ZZTESTOTHER"))
    deliver_owed(at=NOON)
    client = redeemed(code[1].lower().replace("-", " "), "ZZTEST@example.org")
    results = client.get("/portal/results/").content.decode()
    assert f"/portal/results/{version.report_id}/" in results and "ZZTESTOTHER" not in results
    report = client.get(f"/portal/results/{version.report_id}/", headers={"Accept-Language": "de-AT,en"})
    text = report.content.decode()
    assert "No acute intracranial abnormality." in text and "Dies ist der Befund Ihrer Untersuchung." in text
    assert report["Cache-Control"] == "no-store"
    assert client.get(f"/portal/results/{version.report_id}/pdf/").content.startswith(b"%PDF")
    for where in (f"/portal/results/{other.report_id}/", f"/portal/results/{other.report_id}/pdf/",
                  f"/portal/patients/{other.report.procedure.order.patient_id}/who/"):  # fmt: skip
        assert client.get(where).status_code == 404
    looked = client.get(f"/portal/patients/{patient.pk}/who/").content.decode()
    account = PortalAccount.objects.get()
    assert f"portal account {account.pk}" in looked and "zzclerk" in looked
    events = AuditEvent.objects.filter(actor=f"portal account {account.pk}", patient=patient)
    assert {"portal.account", "portal.view", "report.view", "report.pdf", "audit.view"} == set(
        events.values_list("action", flat=True)
    )
    for where in ("/", "/results/", "/profile/", f"/results/{version.report_id}/", "/api/reports/"):
        assert client.get(where).status_code in (302, 401, 403), "a patient is no user of the house"
    client.post("/portal/log-out/")
    assert client.get("/portal/results/")["Location"] == "/portal/"
    assert client.post("/portal/", {"name": "zztest@EXAMPLE.org", "password": "wrong"}).status_code == 403
    again = client.post("/portal/", {"name": "zztest@EXAMPLE.org", "password": PASSWORD}, follow=True)
    assert f"/portal/results/{version.report_id}/" in again.content.decode()


def test_a_code_works_once_with_the_right_birth_date_and_dies_after_five_wrong_ones(
    version: ReportVersion, clerk: User
) -> None:
    code = invited(version, clerk)
    for _ in range(5):
        with pytest.raises(Forbidden):
            accounts.redeem(code, "1950-01-01", address="192.0.2.1", at=now())
    with pytest.raises(Forbidden):
        accounts.redeem(code, BORN, address="192.0.2.9", at=now())
    code = invited(version, clerk)
    with pytest.raises(Forbidden):
        accounts.redeem(code, BORN, address="192.0.2.9", at=now() + timedelta(days=31))
    redeemed(code, "zzone")
    redeemed(code, "zztwo")
    assert [account.name for account in PortalAccount.objects.all()] == ["zzone"]
    again = redeemed(invited(version, clerk), "zzone")
    assert again.get("/portal/results/").status_code == 200 and PortalAccount.objects.count() == 1, "a new password"
    stranger = redeemed(invited(signed(make_reader("other")), clerk), "zzone")
    assert stranger.get("/portal/results/")["Location"] == "/portal/", "nobody takes over another's account by its name"


def test_what_was_withdrawn_is_gone_and_a_correction_stands_in_its_place(version: ReportVersion, clerk: User) -> None:
    client = redeemed(invited(version, clerk), "zzone")
    where = f"/portal/results/{version.report_id}/"
    report = version.report.reread()
    texts = {"findings": "Corrected words.", "impression": "Other."}
    reporting.correct(report.pk, revision=report.revision, sections=texts, reason="typed wrong", overrides={},
                      **by(version.author))  # fmt: skip
    deliver_owed(at=NOON)
    shown = client.get(where).content.decode()
    assert "Corrected words." in shown and "No acute" not in shown and "report of your exam was corrected" in shown
    lead = make_user("zzlead", Role.LEAD, sites=(report.item.site,))
    reporting.retract(report.pk, cause="wrong patient", reason="x", **by(lead))
    assert client.get(where).status_code == 404


def child_of(years: int) -> Patient:
    today = now().date()
    return PatientFactory(birth_date=date(today.year - years, today.month, 1))


def test_a_parent_sees_a_child_until_the_age_and_an_adult_by_agreement_until_its_end(
    version: ReportVersion, clerk: User
) -> None:
    child = signed(make_reader("reader-2"), patient=child_of(10))
    deliver_owed(at=NOON)
    born = f"{child.report.procedure.order.patient.birth_date:%Y-%m-%d}"
    parent = redeemed(invited(child, clerk, "parent", holder="ZZTEST Parent"), "zzparent", born)
    account = PortalAccount.objects.get(name="zzparent")
    assert list(portal_reports(account, at=now())) == [child.report]
    assert not portal_reports(account, at=now() + timedelta(days=366 * 6)), "it ended by itself"
    with pytest.raises(Invalid):
        invited(version, clerk, "parent", holder="ZZTEST Parent")
    tomorrow = now().date() + timedelta(days=1)
    own = redeemed(invited(version, clerk), "zzown")
    redeemed(invited(version, clerk, "granted", holder="ZZTEST Friend", ends_on=tomorrow), "", client=parent)
    assert set(portal_reports(account, at=now())) == {child.report, version.report}
    assert set(portal_reports(account, at=now() + timedelta(days=3))) == {child.report}
    patient = version.report.procedure.order.patient
    grant = PortalGrant.objects.get(kind="granted")
    assert "ZZTEST Friend" in own.get(f"/portal/patients/{patient.pk}/who/").content.decode()
    assert parent.post(f"/portal/grants/{PortalGrant.objects.get(kind='self').pk}/end/").status_code == 404
    own.post(f"/portal/grants/{grant.pk}/end/")
    assert set(portal_reports(account, at=now())) == {child.report}


def test_after_a_merge_the_remaining_record_counts_unless_it_is_of_another_birth_date(
    version: ReportVersion, clerk: User
) -> None:
    redeemed(invited(version, clerk), "zzone")
    account, order = PortalAccount.objects.get(), version.report.procedure.order
    former, remaining = order.patient, PatientFactory()
    order.patient = remaining
    order.save()
    assert not portal_reports(account, at=now())
    former.merged_into = remaining
    former.save()
    assert list(portal_reports(account, at=now())) == [version.report]
    Patient.objects.filter(pk=remaining.pk).update(birth_date=date(1950, 1, 1))
    assert not portal_reports(account, at=now())


def test_cover_texts_are_versions_and_the_newest_counts(version: ReportVersion, clerk: User) -> None:
    client = redeemed(invited(version, clerk), "zzone")
    lead = make_user("zzlead", Role.LEAD, sites=(version.report.item.site,))
    body = {"kind": "final", "language": "en", "text": "Read it with your doctor.", "upon": "0"}
    assert client_of(lead).post("/cover-texts/save/", body).status_code == 302
    assert "Read it with your doctor." in client.get(f"/portal/results/{version.report_id}/").content.decode()
    stale = client_of(lead).post("/cover-texts/save/", {**body, "text": "Mine."})
    assert stale.status_code == 409 and "Mine." in stale.content.decode(), "what was typed is not lost"
    assert client_of(clerk).post("/cover-texts/save/", body).status_code == 403
    texts = client_of(lead).get("/api/cover-texts/").json()
    assert [row["number"] for row in texts if row["kind"] == "final"] == [1, 0]


def test_only_the_desk_invites_and_ends_what_an_account_sees(version: ReportVersion, clerk: User) -> None:
    patient = version.report.procedure.order.patient
    reader = client_of(version.author)
    assert reader.post(f"/patients/{patient.pk}/portal/", {"kind": "self"}).status_code == 403
    body = {"kind": "self", "site": version.report.item.site_id}
    made = client_of(clerk).post(f"/api/patients/{patient.pk}/portal/", body, content_type="application/json")
    assert made.status_code == 201
    redeemed(made.json()["code"], "zzone")
    (grant,) = client_of(clerk).get(f"/api/patients/{patient.pk}/portal/").json()["grants"]
    assert client_of(clerk).post(f"/api/patients/{patient.pk}/portal/end/{grant['id']}/").status_code == 204
    assert not portal_reports(PortalAccount.objects.get(), at=now())
