"""Values are kept with each release, found in its text, asked for over REST; AI findings are settled by the text."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client

from reporting import services
from reporting.models import ReportTemplate, ReportValue
from reporting.values.models import AiDecision
from reporting.values.services import keep_values
from reporting.writing.insertion import insert_template
from reporting.writing.templates import save_template
from ris.audit.services import Actor
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory
from tests.reporting.values.test_extraction import KNOWN, SET, TEMPLATE
from tests.reporting.written import by
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist
from worklist.models import ReadingItem

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> User:
    return make_reader()


@pytest.fixture
def item(reader: User) -> ReadingItem:
    lead = make_reader("lead", role=Role.LEAD)
    save_template(None, title="Nodule", sections={"findings": TEMPLATE}, conditions={}, known=KNOWN, user=lead,
                  actor=Actor.of_user(lead), at=NOON)  # fmt: skip
    return worklist.claim(make_item().pk, **by(reader))


def sign(item: ReadingItem, reader: User, findings: str) -> int:
    text = {"findings": findings, "impression": "Nodule."}
    report = services.save_draft(item.pk, revision=0, sections=text, **by(reader))
    version = services.sign(item.pk, revision=report.revision, **by(reader))
    deliver_owed(at=NOON + timedelta(hours=1))
    return version.pk


def test_every_kept_value_is_in_the_text_of_its_version(reader: User, item: ReadingItem) -> None:
    insert_template(item.pk, normal=False, **by(reader))
    version_id = sign(item, reader, "Nodule: 7 mm, smooth.\nLength 2 x 3.5 cm, area 7 cm2.")
    values = ReportValue.objects.filter(version=version_id)
    assert {(v.element, v.number, v.code, v.source) for v in values} == {
        ("RDE1", 7.0, "", "typed"), ("RDE2", None, "RDE2.0", "picked"), ("a", 2.0, "", "typed"),
        ("b", 3.5, "", "typed"), ("area", 7.0, "", "computed"),
    }  # fmt: skip
    for value in values:
        assert getattr(value.version, value.section)[value.start : value.end] == value.text
    assert keep_values(version_id) == 0


def test_without_its_template_a_text_has_no_values(reader: User, item: ReadingItem) -> None:
    sign(item, reader, "Nodule: 7 mm, smooth.")
    assert not ReportValue.objects.exists()


def test_values_are_asked_for_by_element_and_number_and_only_by_who_may_see(reader: User, item: ReadingItem) -> None:
    insert_template(item.pk, normal=False, **by(reader))
    sign(item, reader, "Nodule: 7 mm, smooth.")
    client = Client()
    client.force_login(reader)
    where = {"element": "RDE1", "number__gte": "6", "number__lte": "8"}
    rows = client.get("/api/report-values/", where).json()["results"]
    assert [(row["number"], row["unit"], row["text"]) for row in rows] == [(7.0, "mm", "7")]
    assert client.get("/api/report-values/", where | {"number__gte": "7.5"}).json()["results"] == []
    client.force_login(make_reader("elsewhere", sites=(SiteFactory(code="south"),)))
    assert client.get("/api/report-values/", where).json()["results"] == []


def test_a_computed_field_is_filled_in(reader: User, item: ReadingItem) -> None:
    insert_template(item.pk, normal=False, **by(reader))
    client = Client()
    client.force_login(reader)
    body = {"sections": {"findings": "Length 2 x 3,5 cm, area [area ____] cm2."}}
    answer = client.post(f"/api/worklist/{item.pk}/computed/", body, content_type="application/json").json()
    assert answer["sections"]["findings"] == "Length 2 x 3,5 cm, area 7 cm2."


@pytest.mark.parametrize(
    "findings,decision,kept",
    [
        ("Seen. AI (ZZAI): NODULE, score 0.9.", "accepted", ["AI (ZZAI): NODULE, score 0.9."]),
        ("AI (ZZAI): nodule is a vessel.", "edited", []),
        ("Nothing.", "rejected", []),
    ],
)
def test_the_released_text_settles_an_ai_finding(
    reader: User, item: ReadingItem, findings: str, decision: str, kept: list[str]
) -> None:
    worklist.note_ai_result(item.pk, vendor="ZZAI", code="NODULE", positive=True, score=0.9, result_at=NOON,
                            actor=Actor.job("test"), at=NOON)  # fmt: skip
    client = Client()
    client.force_login(reader)
    where = f"/api/worklist/{item.pk}/ai-findings/"
    body = {"vendor": "ZZAI", "code": "NODULE", "accept": True}
    words = client.post(where, body, content_type="application/json").json()
    assert words == {"text": "AI (ZZAI): NODULE, score 0.9.", "section": "findings"}
    assert client.get(where).json()[0]["decision"] == "accepted"
    sign(item, reader, findings)
    assert AiDecision.objects.get().decision == decision
    assert list(ReportValue.objects.filter(source="AI").values_list("text", flat=True)) == kept
    client.force_login(User.objects.get(username="lead"))
    counts = {"accepted": 0, "edited": 0, "rejected": 0} | {decision: 1}
    assert client.get("/api/ai-decisions/").json() == [{"vendor": "ZZAI", "code": "NODULE"} | counts]


def test_a_rejected_finding_stays_rejected(reader: User, item: ReadingItem) -> None:
    worklist.note_ai_result(item.pk, vendor="ZZAI", code="NODULE", positive=True, score=None, result_at=NOON,
                            actor=Actor.job("test"), at=NOON)  # fmt: skip
    client = Client()
    client.force_login(reader)
    body = {"vendor": "ZZAI", "code": "NODULE", "accept": False}
    client.post(f"/api/worklist/{item.pk}/ai-findings/", body, content_type="application/json")
    sign(item, reader, "Nothing.")
    assert AiDecision.objects.get().decision == "rejected"


def test_a_set_is_imported_as_a_template_by_who_leads(reader: User, item: ReadingItem) -> None:
    client = Client()
    client.force_login(reader)
    body = {"content": json.dumps(SET)}
    assert client.post("/api/element-sets/", body, content_type="application/json").status_code == 403
    client.force_login(User.objects.get(username="lead"))
    for number in (1, 2):
        made = client.post("/api/element-sets/", body, content_type="application/json")
        assert made.status_code == 201
        template = ReportTemplate.objects.get(pk=made.json()["template"])
        assert (template.identifier, template.modality, template.number) == ("RDES3", "CT", number)
