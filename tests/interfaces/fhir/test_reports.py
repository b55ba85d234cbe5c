"""DiagnosticReport, its forms, its provenance: what a client is told of a report from the draft to the correction."""

from __future__ import annotations

import base64
import hashlib
from io import BytesIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from reporting import services
from reporting.models import Report
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import SiteFactory, make_user
from tests.interfaces.fhir.asking import Asking
from tests.reporting.written import NORMAL, by, preliminary, signed
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> User:
    return make_reader()


@pytest.fixture
def asking(reader: User) -> Asking:
    return Asking(reader)


def test_a_signed_report_is_told_with_its_text_and_who_signed(asking: Asking, reader: User) -> None:
    report = signed(reader, {"findings": "Density < 20 HU & stable.", "impression": "Normal."}).report
    told = asking.read(f"DiagnosticReport/{report.pk}")
    procedure = report.procedure
    assert (told["status"], told["conclusion"]) == ("final", "Normal.")
    assert [one["code"] for one in told["category"][0]["coding"]] == ["LP29684-5", "RAD"]
    assert told["basedOn"] == [{"reference": f"ServiceRequest/{procedure.pk}"}]
    assert told["imagingStudy"] == [{"reference": f"ImagingStudy/{procedure.pk}"}]
    assert told["subject"] == {"reference": f"Patient/{procedure.order.patient_id}"}
    assert told["resultsInterpreter"][0]["reference"] == f"Practitioner/{reader.pk}"
    assert told["performer"][0]["reference"] == f"Organization/{procedure.order.site_id}"
    assert (told["effectiveDateTime"], told["issued"]) == ("2026-03-10T11:40:00Z", "2026-03-10T12:00:00Z")
    assert "<p>Density &lt; 20 HU &amp; stable.</p>" in told["text"]["div"]


def test_the_forms_are_whole_and_their_sizes_and_hashes_are_right(asking: Asking, reader: User) -> None:
    report = signed(reader).report
    html, pdf = asking.read(f"DiagnosticReport/{report.pk}")["presentedForm"]
    data = base64.b64decode(html["data"])
    assert b"<p>No acute intracranial abnormality.</p>" in data
    fetched = asking.client.get(pdf["url"].removeprefix("http://testserver"), headers={"Accept": "application/pdf"})
    assert fetched["Content-Type"] == "application/pdf"
    assert "acute intracranial" in " ".join(PdfReader(BytesIO(fetched.content)).pages[0].extract_text().split())
    for form, content in ((html, data), (pdf, fetched.content)):
        assert form["size"] == len(content)
        assert form["hash"] == base64.b64encode(hashlib.sha1(content).digest()).decode()
    binary = asking.client.get(pdf["url"].removeprefix("http://testserver"))
    assert binary.json()["contentType"] == "application/pdf"
    assert base64.b64decode(binary.json()["data"]) == fetched.content


def test_the_status_follows_the_versions_and_is_found_by_it(asking: Asking, reader: User) -> None:
    told = {}
    item = worklist.claim(make_item().pk, **by(reader))
    told["partial"] = services.save_draft(item.pk, revision=0, sections=NORMAL, **by(reader))
    told["preliminary"] = preliminary().report
    told["final"] = signed(reader).report
    told["appended"] = signed(reader).report
    services.add_addendum(told["appended"].pk, text="Compared now.", **by(reader))
    told["corrected"] = signed(reader).report
    text, revision = NORMAL | {"impression": "Left."}, told["corrected"].revision
    services.correct(told["corrected"].pk, revision=revision, sections=text, reason="Side", **by(reader))
    for status, report in told.items():
        assert asking.read(f"DiagnosticReport/{report.pk}")["status"] == status
        assert asking.ids(f"DiagnosticReport?status={status}") == [report.pk]
    assert asking.read(f"DiagnosticReport/{told['corrected'].pk}")["conclusion"] == "Left."
    assert asking.read(f"DiagnosticReport/{told['appended'].pk}")["conclusion"] == "Normal.\n\nCompared now."


def test_a_draft_shows_no_text_to_readers_and_itself_to_nobody_else(asking: Asking, reader: User) -> None:
    item = worklist.claim(make_item().pk, **by(reader))
    draft = services.save_draft(item.pk, revision=0, sections={"findings": "ZZCANARY"}, **by(reader))
    assert "ZZCANARY" not in str(asking.read(f"DiagnosticReport/{draft.pk}"))
    other = Asking(make_user("tech", Role.REFERRER, sites=(SiteFactory(),)))
    other.read(f"DiagnosticReport/{draft.pk}", 404)
    assert other.ids("DiagnosticReport") == []


def test_a_referrer_sees_their_own_reports_and_no_patient_with_them(reader: User) -> None:
    referrer = make_user("referrer", Role.REFERRER, sites=(SiteFactory(),))
    own, other = signed(reader).report, signed(reader).report
    own.procedure.order.referrer = referrer
    own.procedure.order.save()
    asking = Asking(referrer)
    assert asking.ids("DiagnosticReport") == [own.pk]
    asking.read(f"DiagnosticReport/{other.pk}", 404)
    assert asking.found("DiagnosticReport?_include=DiagnosticReport:patient", mode="include") == []


def test_a_report_is_found_as_us_core_wants_it(asking: Asking, reader: User) -> None:
    report = signed(reader).report
    signed(reader)
    order = report.procedure.order
    patient = f"patient={order.patient_id}"
    for query in (
        f"{patient}&category=http://loinc.org|LP29684-5",
        f"{patient}&category=LP29684-5&date=ge2026-03-10&date=lt2026-03-11",
        f"{patient}&code=CTHEADWO", f"{patient}&status=final", f"identifier={order.accession}",
        f"identifier=urn:x-wetread:report|{report.pk}", f"based-on={report.procedure_id}",
        f"imagingStudy=ImagingStudy/{report.procedure_id}", f"{patient}&conclusion=norm&issued=2026-03-10",
    ):  # fmt: skip
        assert asking.ids(f"DiagnosticReport?{query}") == [report.pk], query
    assert asking.ids(f"DiagnosticReport?{patient}&category=LAB,RAD") == [report.pk]
    assert asking.ids(f"DiagnosticReport?{patient}&date=gt2026-03-10") == []


def test_who_stands_for_which_version_is_told(asking: Asking, reader: User) -> None:
    version = signed(reader)
    services.add_addendum(version.report_id, text="Compared now.", **by(reader))
    second, first = asking.found(f"Provenance?target=DiagnosticReport/{version.report_id}")
    assert first["target"] == [{"reference": f"DiagnosticReport/{version.report_id}"}]
    assert first["agent"][0]["who"]["reference"] == f"Practitioner/{reader.pk}"
    assert [one["activity"]["coding"][0]["code"] for one in (first, second)] == ["CREATE", "UPDATE"]
    included = asking.found("DiagnosticReport?_revinclude=Provenance:target", mode="include")
    assert {one["resourceType"] for one in included} == {"Provenance"}


def test_a_page_costs_the_same_number_of_queries_however_many_reports(asking: Asking, reader: User) -> None:
    def cost(number: int) -> int:
        for _ in range(number):
            signed(reader)
        with CaptureQueriesContext(connection) as queries:
            assert len(asking.ids("DiagnosticReport?_count=200")) == Report.objects.count()
        return len(queries)

    # The first call with a token in a while stamps when it was used: one UPDATE, however many rows. metadata has none.
    asking.read("DiagnosticReport")
    assert cost(2) == cost(6)
