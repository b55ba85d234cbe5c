"""A report reaches its patient: when the policy says so, when its referrer saw it, when a person holds or gives it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from reporting import services
from reporting.models import PatientRelease, ReleasePolicy, Report, ReportVersion
from reporting.release.policies import save_policy
from reporting.release.selectors import reports_open_to_patients
from reporting.release.services import open_due
from ris.audit.models import AuditEvent
from ris.audit.services import Actor
from ris.kernel.errors import Conflict, Forbidden, Invalid
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_user
from tests.reporting.written import NORMAL, by, preliminary, signed
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist

pytestmark = pytest.mark.django_db


def relay() -> None:
    deliver_owed(at=NOON)


def shown(version: ReportVersion) -> bool:
    """Whether the patient of this version may see its report now."""
    return reports_open_to_patients([version.report.procedure.order.patient_id]).exists()


def critical(reader: User) -> ReportVersion:
    item = worklist.claim(make_item().pk, **by(reader))
    sections = {**NORMAL, "critical_level": "red", "critical_finding": "Bleeding"}
    report = services.save_draft(item.pk, revision=0, sections=sections, **by(reader))
    return services.sign(item.pk, revision=report.revision, overrides={}, **by(reader))


def referrer_of(version: ReportVersion) -> Client:
    user = make_user("zzreferrer", Role.REFERRER, sites=(version.report.item.site,))
    order = version.report.procedure.order
    order.referrer = user
    order.save()
    client = Client()
    client.force_login(user)
    return client


def test_a_normal_report_is_seen_at_once_and_a_preliminary_never() -> None:
    version = signed(make_reader())
    assert not shown(version), "not before it was decided"
    relay()
    assert shown(version)
    relay()
    assert AuditEvent.objects.filter(action="release.decide").count() == 1
    early = preliminary()
    relay()
    assert not shown(early)
    open_due(at=NOON + timedelta(days=999))
    assert not shown(early)


def test_a_red_finding_waits_until_the_referrer_opened_it_and_no_longer_than_its_hours() -> None:
    version = critical(make_reader())
    relay()
    open_due(at=NOON + timedelta(hours=71))
    assert not shown(version)
    colleague = Client()
    colleague.force_login(make_reader("colleague"))
    assert colleague.get(f"/results/{version.report_id}/").status_code == 200
    assert not shown(version), "a colleague who looks is not the referrer"
    client = referrer_of(version)
    home = client.get("/results/mine/").content.decode()
    assert "Critical, not opened yet" in home and "Bleeding" not in home
    client.get(f"/results/{version.report_id}/")
    assert shown(version)
    assert "Critical, not opened yet" not in client.get("/results/mine/").content.decode()


def test_a_red_finding_that_nobody_opens_is_seen_after_its_hours() -> None:
    version = critical(make_reader())
    relay()
    assert open_due(at=NOON + timedelta(hours=72)) == 1
    assert open_due(at=NOON + timedelta(hours=72)) == 0
    assert shown(version)


def test_a_correction_takes_the_place_and_a_retraction_takes_it_away_before_the_relay_runs() -> None:
    reader = make_reader()
    version = signed(reader)
    relay()
    texts = {"findings": "Other.", "impression": "Other."}
    report = version.report.reread()
    services.correct(report.pk, revision=report.revision, sections=texts, reason="typed wrong", overrides={},
                     **by(reader))  # fmt: skip
    assert not shown(version), "the old text is not shown while the new one is undecided"
    relay()
    assert shown(version)
    lead = make_user("zzlead", Role.LEAD, sites=(report.item.site,))
    services.retract(report.pk, cause="wrong patient", reason="x", **by(lead))
    assert not shown(version)
    relay()
    assert not shown(version)
    assert PatientRelease.objects.get().state == "withdrawn"


def test_a_held_report_is_not_seen_whatever_falls_due_until_it_is_let_go() -> None:
    reader = make_reader()
    item = worklist.claim(make_item().pk, **by(reader))
    client = Client()
    client.force_login(reader)
    report = Report.objects.get()
    assert client.post(f"/results/{report.pk}/patient/hold/", {"reason": " "}).status_code == 400
    client.post(f"/results/{report.pk}/patient/hold/", {"reason": "I call them first", "from": "room"})
    assert "holds it since" in client.get(f"/reading/{item.pk}/patient-release/").content.decode()
    report = services.save_draft(item.pk, revision=report.revision, sections=NORMAL, **by(reader))
    version = services.sign(item.pk, revision=report.revision, overrides={}, **by(reader))
    relay()
    open_due(at=NOON + timedelta(days=99))
    assert not shown(version)
    answer = client.post(f"/api/reports/{report.pk}/patient-release/let-go/", {}, content_type="application/json")
    assert answer.json()["state"] == "for patient" and shown(version)
    held = AuditEvent.objects.get(action="release.hold")
    assert (held.reason, held.patient_id) == ("I call them first", item.procedure.order.patient_id)


def test_what_the_policy_withholds_a_person_can_give() -> None:
    version = signed(make_reader())
    admin = make_user("zzadmin", Role.ADMINISTRATOR, sites=(version.report.item.site,))
    policy([{"then": "never"}], admin)
    relay()
    assert not shown(version)
    client = Client()
    client.force_login(version.author)
    client.post(f"/results/{version.report_id}/patient/give/", {"reason": "The patient asked for it"})
    assert shown(version)
    stranger = make_user("zzstranger", Role.TECHNOLOGIST, sites=(version.report.item.site,))
    client.force_login(stranger)
    assert client.post(f"/results/{version.report_id}/patient/hold/", {"reason": "x"}).status_code == 403


def policy(rules: list[dict[str, Any]], editor: User, upon: int = 0) -> ReleasePolicy:
    return save_policy(rules, upon=upon, reason="house rule", editor=editor, actor=Actor.of_user(editor), at=NOON)


def test_a_policy_is_saved_once_upon_what_was_read_and_its_history_stays() -> None:
    admin = make_user("zzadmin", Role.ADMINISTRATOR, sites=(SiteFactory(),))
    assert policy([{"then": "after hours", "hours": "36"}], admin).number == 1
    with pytest.raises(Conflict):
        policy([{"then": "never"}], admin, upon=0)
    for rule, at in (
        ({"then": "soon"}, "rules[0].then"),
        ({"then": "after hours", "hours": "0"}, "rules[0].hours"),
        ({"then": "never", "site": "nowhere"}, "rules[0].site"),
        ({"then": "never", "age_from": "-1"}, "rules[0].age_from"),
        ({"then": "never", "age_from": "9", "age_to": "8"}, "rules[0].age_to"),
    ):
        with pytest.raises(Invalid) as refused:
            policy([rule], admin, upon=1)
        assert refused.value.at == at
    with pytest.raises(Forbidden):
        policy([{"then": "never"}], make_reader(), upon=1)
    with pytest.raises(DatabaseError), transaction.atomic():
        ReleasePolicy.objects.update(rules=[])


def test_the_policy_page_saves_rows_in_the_order_typed_and_the_room_shows_what_follows() -> None:
    reader = make_reader()
    item = worklist.claim(make_item().pk, **by(reader))
    client = Client()
    client.force_login(make_user("zzadmin", Role.ADMINISTRATOR, sites=(item.site,)))
    rows = {
        "order": ["20", "10", "30"], "kind": ["", "final", ""], "modality": ["", "ct", ""], "level": ["", "red", ""],
        "age_from": ["", "", ""], "age_to": ["", "", ""], "site": ["", item.site.code, ""],
        "then": ["at once", "after hours", ""], "hours": ["", "24", ""],
    }  # fmt: skip
    page = client.post("/results/release-policy/", {**rows, "upon": "0", "reason": "board"}, follow=True)
    assert "Final report, CT, a red finding, site north: after 24 h" in page.content.decode()
    client.force_login(reader)
    plain = client.get(f"/reading/{item.pk}/patient-release/").content.decode()
    assert "as soon as it is signed" in plain and "Any report: at once" in plain
    red = client.get(f"/reading/{item.pk}/patient-release/?critical_level=red").content.decode()
    assert "from <time" in red and "after 24 h" in red
    body = client.get(f"/api/worklist/{item.pk}/patient-release/?critical_level=red").json()
    assert body["then"] == "after hours"
