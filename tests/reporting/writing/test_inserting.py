"""What a reader inserts: from which template and why, with which words, and when these have become stale."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from interfaces.dicom.models import Mpps
from reporting import services
from reporting.models import Insertion, Macro, Report, ReportTemplate, TemplateVersion
from reporting.writing.insertion import insert_macro, insert_merge, insert_template
from reporting.writing.macros import delete_macro, save_macro
from reporting.writing.merge import stale_fields, table_of_fields
from reporting.writing.templates import save_template
from ris.audit.services import Actor
from ris.kernel.errors import Conflict, Forbidden, Invalid
from ris.orders.models import Order, PerformedStep
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, PatientFactory, ProcedureFactory, make_order, make_user, perform
from tests.house.source_tree import ROOT
from tests.reporting.written import by
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist
from worklist.models import ReadingItem

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> User:
    return make_reader()


@pytest.fixture
def lead() -> User:
    return make_reader("lead", role=Role.LEAD)


@pytest.fixture
def item(reader: User) -> ReadingItem:
    return worklist.claim(make_item(reason="Headache", ordering_provider="ZZDOC^RITA").pk, **by(reader))


def saved(user: User, title: str = "CT head", known: Any = None, template: Any = None, personal: bool = False,
          conditions: Any = None, **sections: str) -> ReportTemplate:  # fmt: skip
    return save_template(template, title=title, sections=sections, conditions=conditions or {}, known=known,
                         personal=personal, user=user, actor=Actor.of_user(user), at=NOON)  # fmt: skip


def test_the_normal_report_is_one_action_and_says_why(reader: User, lead: User, item: ReadingItem) -> None:
    saved(lead, "Any", findings="Anything.")
    saved(lead, conditions={"procedure": ProcedureFactory().pk}, technique="{exam}. Because of: {indication}",
          findings="Ventricles [width=normal|wide]. Age {age}.", impression="[impression=Normal.]")  # fmt: skip
    inserted = insert_template(item.pk, normal=True, **by(reader))
    assert inserted.sections == {
        "technique": "CT head without contrast. Because of: Headache",
        "findings": "Ventricles normal. Age 80 years.",
        "impression": "Normal.",
    }
    assert (inserted.title, inserted.reason) == ("CT head", "for CT head without contrast")
    kept = Insertion.objects.filter(kind="merge").order_by("name").values_list("name", "section", "text", "source")
    assert list(kept) == [
        ("age", "findings", "80 years", "birth date of the patient, day of the exam"),
        ("exam", "technique", "CT head without contrast", "requested procedure"),
        ("indication", "technique", "Headache", "order: OBR-31, OBR-13"),
    ]


def test_a_new_version_changes_no_draft_and_no_old_version(reader: User, lead: User, item: ReadingItem) -> None:
    template = saved(lead, findings="First.")
    text = insert_template(item.pk, normal=True, **by(reader)).sections
    services.save_draft(item.pk, revision=0, sections=text, **by(reader))
    saved(lead, template=template, findings="Second.")
    assert Report.objects.get().findings == "First."
    used = Insertion.objects.get(kind="normal").version
    assert used is not None and (used.number, used.findings) == (1, "First.")
    with pytest.raises(IntegrityError), transaction.atomic():
        TemplateVersion.objects.filter(pk=used.pk).update(findings="Third.")
    assert insert_template(item.pk, normal=True, **by(reader)).sections == {"findings": "Second."}


def test_only_who_holds_the_case_inserts(reader: User, lead: User, item: ReadingItem) -> None:
    saved(lead, findings="First.")
    with pytest.raises(Conflict) as refused:
        insert_template(item.pk, normal=True, **by(lead))
    assert refused.value.code == "not-held"


def test_everybodys_templates_are_the_leads_and_ones_own_are_not_seen_by_others(reader: User, lead: User) -> None:
    shared = saved(lead, findings="First.")
    with pytest.raises(Forbidden):
        saved(reader, template=shared, findings="Mine.")
    own = saved(reader, personal=True, findings="Mine.")
    client = Client()
    client.force_login(lead)
    assert client.get(reverse("reporting:template", args=[own.pk])).status_code == 404
    client.force_login(reader)
    assert "Mine." in client.get(reverse("reporting:template", args=[own.pk])).content.decode()


def test_technique_says_series_contrast_and_dose_as_the_device_told_them(reader: User) -> None:
    item = worklist.claim(make_item().pk, **by(reader))
    step = PerformedStep.objects.get(steps__procedure=item.procedure)
    PerformedStep.objects.filter(pk=step.pk).update(series=[{}, {}], dose={"dlp": 812.5, "ctdivol": [40, 52.1]})
    supply = {"code": "C-B0317", "name": "Iohexol", "quantity": 80.0, "unit": "ml"}
    Mpps.objects.create(performed=step, uid=step.mpps_uid, dataset=b"", supplies=[supply], updated_at=NOON)
    words = insert_merge(item.pk, "technique", section="technique", **by(reader)).sections["technique"]
    assert words == ("CT head without contrast, 2 series, 80 ml Iohexol, DLP 812.5 mGy·cm, CTDIvol up to 52.1 mGy.")


def test_comparison_names_earlier_exams_with_their_days(reader: User) -> None:
    patient = PatientFactory()
    earlier = make_order(patient=patient, at=NOON.replace(year=2025, month=2))
    perform(earlier.procedures.get(), at=NOON.replace(year=2025, month=2))
    make_order(patient=patient)  # never done
    item = worklist.claim(make_item(patient=patient).pk, **by(reader))
    words = insert_merge(item.pk, "comparison", section="comparison", **by(reader)).sections["comparison"]
    assert words == "CT head without contrast, 2025-02-10."


def test_a_field_is_stale_when_its_source_changed_and_the_words_still_stand(reader: User, item: ReadingItem) -> None:
    words = insert_merge(item.pk, "indication", section="technique", **by(reader)).sections["technique"]
    sections = {"technique": f"Because of {words}."}
    assert list(stale_fields(item, sections)) == []
    Order.objects.update(reason="Fall")
    fresh = ReadingItem.objects.get(pk=item.pk)
    assert list(stale_fields(fresh, sections)) == [("indication", "technique", "Headache", "Fall")]
    assert list(stale_fields(fresh, {"technique": "Because of pain."})) == []
    with pytest.raises(Invalid):
        insert_merge(item.pk, "contrast", section="technique", **by(reader))


def test_a_macro_is_counted_with_those_in_it_and_ones_own_goes_first(
    reader: User, lead: User, item: ReadingItem
) -> None:
    said = {"actor": Actor.of_user(lead), "at": NOON}
    save_macro(lead, "end", "End of {indication}.", shared=True, **said)
    save_macro(lead, "ncl", "No change. {.end}", shared=True, **said)
    inserted = insert_macro(item.pk, "ncl", section="findings", arguments={}, **by(reader))
    assert inserted.sections == {"findings": "No change. End of Headache."}
    assert dict(Macro.objects.values_list("trigger", "used")) == {"ncl": 1, "end": 1}
    save_macro(reader, "end", "Mine.", **said)
    assert insert_macro(item.pk, "ncl", section="findings", arguments={}, **by(reader)).sections == {
        "findings": "No change. Mine."
    }
    kept = Insertion.objects.filter(kind="macro", name="ncl").latest("pk")
    assert (kept.macro_version, kept.text) == (1, "No change. Mine.")


def test_a_cycle_is_refused_when_it_would_close(lead: User) -> None:
    said: dict[str, Any] = {"shared": True, "actor": Actor.of_user(lead), "at": NOON}
    save_macro(lead, "aa", "text", **said)
    save_macro(lead, "bb", "{.aa}", **said)
    with pytest.raises(Invalid, match="calls itself"):
        save_macro(lead, "aa", "{.bb}", **said)
    with pytest.raises(Invalid, match=r"no macro \.cc"):
        save_macro(lead, "aa", "{.cc}", **said)
    with pytest.raises(Conflict, match=r"\.bb calls it"):
        delete_macro(lead, Macro.objects.get(trigger="aa").pk, actor=Actor.of_user(lead), at=NOON)
    assert Macro.objects.get(trigger="aa").body == "text"


def test_files_are_imported_by_page_and_command_and_exported_valid(
    lead: User, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    section = b"<section data-section-name='Findings'>Cartilage.</section>"
    good = b"<html><head><title>Knee</title></head><body>" + section + b"</body></html>"
    client = Client()
    client.force_login(lead)
    files = [SimpleUploadedFile("knee.html", good), SimpleUploadedFile("bad.html", b"<p>")]
    page = client.post(reverse("reporting:templates-import"), {"files": files}).content.decode()
    assert "Knee" in page and "Line 1: There were no template attributes." in page
    assert "Refused: line 1: The template has no title" in page
    template = ReportTemplate.objects.get()
    path = tmp_path / "out.html"
    path.write_bytes(client.get(reverse("reporting:template-mrrt", args=[template.pk])).content)
    with pytest.raises(SystemExit) as done:
        call_command("templates", "import", str(path), "--user", "lead")
    assert done.value.code == 0
    assert f"out.html: template {template.pk}, version 2\n1 imported, 0 refused." in capsys.readouterr().out


def test_over_rest(reader: User, lead: User, item: ReadingItem) -> None:
    client = Client()
    client.force_login(lead)
    body = {"title": "CT head", "sections": {"findings": "Width [width] mm."}, "modality": "ct",
            "fields_known": {"width": {"type": "NUMERIC", "unit": "mm"}}}  # fmt: skip
    made = client.post("/api/templates/", body, content_type="application/json").json()
    assert (made["number"], made["modality"], made["fields_known"]["width"]["unit"]) == (1, "CT", "mm")
    changed = client.put(f"/api/templates/{made['id']}/", body | {"title": "Head"}, content_type="application/json")
    assert changed.json()["number"] == 2
    assert "<title>Head</title>" in client.get(f"/api/templates/{made['id']}/mrrt/").content.decode()
    refused = client.post("/api/templates/import/", {"content": "<p>"}, content_type="application/json")
    assert refused.status_code == 400 and "no title" in refused.json()["refusal"]
    client.force_login(reader)
    where = f"/api/worklist/{item.pk}/writing/"
    assert client.get(where).json()["templates"][0] == {"id": made["id"], "title": "Head", "reason": "for CT"}
    assert client.post("/api/templates/", body, content_type="application/json").status_code == 403
    said = client.post(where, {"kind": "template"}, content_type="application/json").json()
    assert said["sections"] == {"findings": "Width [width ____] mm."}
    assert client.post(where, {"kind": "macro", "name": "nope"}, content_type="application/json").status_code == 400
    mine = client.post("/api/macros/", {"trigger": ".ok", "body": "All well."}, content_type="application/json")
    assert mine.status_code == 201 and mine.json()["owner"] == reader.pk
    said = client.post(where, {"kind": "macro", "name": ".ok"}, content_type="application/json").json()
    assert said["sections"] == {"findings": "All well."}
    stranger = make_user("none", Role.SCHEDULER)
    client.force_login(stranger)
    assert client.get(where).status_code == 403


def test_the_documents_list_the_merge_fields_that_there_are() -> None:
    text = (ROOT / "docs" / "reporting.md").read_text()
    table = text.partition("<!-- merge fields -->")[2].partition("<!-- end of merge fields -->")[0]
    assert table_of_fields() in table
