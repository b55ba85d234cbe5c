"""A share: who may make it, what it opens to whom and how often, and what nobody learns from it."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from reporting import services as reporting
from reporting.models import ReportVersion
from reporting.release.services import hold
from ris.audit.models import AuditEvent
from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Forbidden, NotFound
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.people.login.leavers import leave
from ris.people.models import User
from ris.people.roles import Role
from ris.sharing.models import Share, ShareView, SharingLimits
from ris.sharing.shares.services import NewShare, ShareIntent, make_share, open_share
from ris.web.middleware import RequestLog
from tests.factories import NOON, SiteFactory, make_user
from tests.racing import race
from tests.reporting.written import by

from .conftest import client_of

pytestmark = pytest.mark.django_db
BORN = "1945-07-14"
HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def shared(version: ReportVersion, maker: User, at: Any = None, **said: Any) -> NewShare:
    intent = {"audience": "clinician", "recipient": "Practice ZZTEST", "parts": ("report",), "factor": "birth date",
              "days": 7, "most_views": 2}  # fmt: skip
    return make_share(version.report_id, ShareIntent(**{**intent, **said}), maker=maker, actor=Actor.of_user(maker),
                      at=at or now())  # fmt: skip


def attempt(made: NewShare, factor: str = BORN, *, at: Any = None, address: str = "192.0.2.1") -> Share:
    return open_share(made.token, factor, address=address, at=at or now())


def test_it_opens_by_its_button_and_second_factor_and_looks_at_the_link_count_nothing(
    version: ReportVersion, clerk: User
) -> None:
    page = client_of(clerk).post(f"/results/{version.report_id}/share/", {
        "audience": "clinician", "recipient": "Practice ZZTEST", "parts": ["report"], "factor": "birth date",
        "days": "7", "most_views": "2", "contact": "practice@example.org",
    })  # fmt: skip
    assert page.status_code == 201
    link = re.search(r'value="http://[^/]+(/shared/[^"]+)"', page.content.decode())
    assert link
    patient = version.report.procedure.order.patient
    (sent,) = mail.outbox
    assert link[1] in sent.body and not {patient.family_name, BORN} & set(re.split(r"\W", sent.subject + sent.body))
    outside = Client()
    for method in (outside.get, outside.head):
        answer = method(link[1])
        assert answer.status_code == 200 and patient.family_name not in answer.content.decode()
        assert {name: answer[name] for name in HEADERS} == HEADERS
    assert Share.objects.get().views == 0
    assert outside.post(link[1], {}).status_code == 403, "a scanner that presses the button knows no birth date"
    assert outside.post(link[1], {"factor": "14.07.1945"}).status_code == 403
    opened = outside.post(link[1], {"factor": BORN}, follow=True)
    text = opened.content.decode()
    assert "No acute intracranial abnormality." in text and patient.family_name in text
    assert link[1].split("/")[2] not in opened.redirect_chain[-1][0], "the token leaves the address"
    assert opened["Referrer-Policy"] == "no-referrer"
    where = opened.redirect_chain[-1][0]
    assert outside.get(where + "pdf/")["Content-Type"] == "application/pdf"
    assert outside.get(where + "images/").status_code == 404, "images were not shared"
    assert Client().get(where).status_code == 404, "another browser has not opened it"
    share = Share.objects.get()
    assert (share.views, share.wrong) == (1, 2)
    whats = list(ShareView.objects.order_by("pk").values_list("what", flat=True))
    assert whats == ["wrong", "wrong", "opened", "report", "pdf"]
    looked = AuditEvent.objects.filter(action="share.view", patient=patient)
    assert {event.actor for event in looked} == {f"share {share.pk}"}
    log = client_of(clerk).get(f"/shares/{share.pk}/").content.decode()
    assert "Wrong second factor" in log and "1 of 2" in log


def test_the_token_is_kept_and_logged_nowhere(version: ReportVersion, clerk: User, rf: Any,
                                              caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    made = shared(version, clerk, factor="pin")
    row = {field.attname: str(getattr(made.share, field.attname)) for field in Share._meta.concrete_fields}
    assert not [name for name, value in row.items() if made.token in value or made.pin == value]
    with caplog.at_level(logging.DEBUG):
        Client().get(f"/shared/{made.token}/")
    assert made.token not in caplog.text
    assert RequestLog.format_request(rf.get(f"/shared/{made.token}/")) == "GET /shared/…/"
    assert RequestLog.format_request(rf.get("/shared/open/17/pdf/")) == "GET /shared/open/17/pdf/"


def test_it_ends_by_views_time_revocation_wrong_factors_and_when_its_maker_leaves(
    version: ReportVersion, clerk: User
) -> None:
    used = shared(version, clerk, most_views=1)
    attempt(used)
    with pytest.raises(NotFound) as used_up:
        attempt(used)
    late = shared(version, clerk)
    with pytest.raises(NotFound) as expired:
        attempt(late, at=now() + timedelta(days=7, seconds=1))
    tried = shared(version, clerk, factor="pin")
    for _ in range(5):
        with pytest.raises(Forbidden):
            attempt(tried, "x")
    with pytest.raises(NotFound) as locked:
        attempt(tried, tried.pin)
    assert Alarm.objects.filter(kind="share-locked", subject=f"share {tried.share.pk}").exists()
    gone = shared(version, clerk)
    answer = client_of(clerk).post(f"/api/shares/{gone.share.pk}/revoke/", {"reason": "sent to the wrong practice"},
                                   content_type="application/json")  # fmt: skip
    assert answer.json()["standing"] == "revoked"
    with pytest.raises(NotFound) as revoked:
        attempt(gone)
    with pytest.raises(NotFound) as unknown:
        open_share("x" * 43, BORN, address="192.0.2.1", at=now())
    assert len({str(error.value) for error in (used_up, expired, locked, revoked, unknown)}) == 1
    left = shared(version, clerk)
    leave(clerk, reason="test", actor=Actor.job("test"), at=NOON)
    deliver_owed(at=NOON)
    with pytest.raises(NotFound):
        attempt(left)
    left.share.refresh_from_db()
    assert left.share.revoked_why == "who made it left"


def test_an_address_that_tries_many_links_opens_none(version: ReportVersion, clerk: User) -> None:
    for _ in range(5):
        made = shared(version, clerk)
        for _ in range(4):
            with pytest.raises(Forbidden):
                attempt(made, "1950-01-01")
    fresh = shared(version, clerk)
    with pytest.raises(Forbidden) as refused:
        attempt(fresh)
    assert refused.value.code == "throttled"
    attempt(fresh, address="192.0.2.2")


def test_what_is_open_follows_the_report(version: ReportVersion, clerk: User) -> None:
    made = shared(version, clerk)
    browser = Client()
    where = browser.post(f"/shared/{made.token}/", {"factor": BORN}).headers["Location"]
    report = version.report.reread()
    texts = {"findings": "Corrected words.", "impression": "Other."}
    reporting.correct(report.pk, revision=report.revision, sections=texts, reason="typed wrong", overrides={},
                      **by(version.author))  # fmt: skip
    assert "Corrected words." in browser.get(where).content.decode()
    lead = make_user("zzlead", Role.LEAD, sites=(report.item.site,))
    reporting.retract(report.pk, cause="wrong patient", reason="x", **by(lead))
    answer = browser.get(where)
    assert answer.status_code == 409 and "Corrected words." not in answer.content.decode()
    with pytest.raises(Conflict):
        attempt(made)


def test_who_may_share_what(version: ReportVersion, clerk: User) -> None:
    site = version.report.item.site
    for role in (Role.TECHNOLOGIST, Role.ANALYST):
        with pytest.raises(Forbidden):
            shared(version, make_user(f"zz{role.name}", role, sites=(site,)))
    for stranger in (
        make_user("zzfar", Role.SCHEDULER, sites=(SiteFactory(code="south"),)),
        make_user("zzreferrer", Role.REFERRER, sites=(site,)),
    ):
        with pytest.raises(NotFound):
            shared(version, stranger)
    hold(version.report, reason="call first", holder=clerk, actor=Actor.of_user(clerk), at=NOON)
    with pytest.raises(Conflict) as refused:
        shared(version, clerk, audience="patient")
    assert refused.value.code == "not-released"
    made = shared(version, clerk)
    SharingLimits.objects.create(site=site, longest_days=3, most_views=1)
    body = {"audience": "clinician", "recipient": "ZZTEST", "parts": ["report"], "factor": "pin", "most_views": 1}
    over = client_of(clerk).post(f"/api/reports/{version.report_id}/shares/", {**body, "days": 4},
                                 content_type="application/json")  # fmt: skip
    assert (over.status_code, over.json()["at"]) == (400, "days")
    fine = client_of(clerk).post(f"/api/reports/{version.report_id}/shares/", {**body, "days": 3},
                                 content_type="application/json")  # fmt: skip
    assert fine.status_code == 201 and re.fullmatch(r"\d{6}", fine.json()["pin"])
    officer = make_user("zzofficer", Role.PRIVACY_OFFICER, sites=(site,))
    assert len(client_of(officer).get("/api/shares/").json()["results"]) == 2
    far = make_user("zzfarofficer", Role.PRIVACY_OFFICER, sites=(SiteFactory(code="south"),))
    assert client_of(far).get(f"/shares/{made.share.pk}/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_of_many_who_open_at_once_no_more_than_its_views_come_in(version: ReportVersion, clerk: User) -> None:
    made = shared(version, clerk, most_views=2)

    def come(n: int) -> bool:
        try:
            attempt(made, address=f"192.0.2.{n}")
        except NotFound:
            return False
        return True

    assert sum(race(6, come)) <= 2
    made.share.refresh_from_db()
    assert made.share.views <= 2
