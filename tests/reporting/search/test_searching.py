"""What a search finds, for whom, and in which order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from reporting import services
from reporting.models import Report, ReportVersion, SearchRow
from reporting.search.index import index_missing, index_report
from reporting.search.selectors import Found, read_question, search_reports
from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.kernel.errors import Invalid
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_user
from tests.reporting.written import by, preliminary, signed
from tests.worklist.reading import make_reader
from worklist import services as worklist

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def reader() -> User:
    return make_reader(most_claims=99)


def released(reader: User, impression: str, findings: str = "Nothing else.", **order: Any) -> ReportVersion:
    version = signed(reader, {"findings": findings, "impression": impression}, **order)
    deliver_owed(at=LATER)
    return version


def find(viewer: User, q: str, **fields: str) -> Found:
    return search_reports(viewer, read_question({"q": q} | fields), at=LATER)


def impressions(found: Found) -> list[str]:
    return [hit.row.impression for hit in found.hits]


def test_all_words_are_wanted_by_their_stems_and_marked_in_the_excerpt(reader: User) -> None:
    released(reader, "Hepatic cysts in both lobes.")
    released(reader, "Hepatic steatosis.")
    found = find(reader, "hepatic nodule OR cyst")
    assert impressions(found) == ["Hepatic cysts in both lobes."]
    section, pieces = found.hits[0].excerpts[0]
    assert section == "impression"
    assert [piece.text.lower() for piece in pieces if piece.found] == ["hepatic", "cysts"]
    assert impressions(find(reader, "lobe")) == ["Hepatic cysts in both lobes."]


def test_a_phrase_a_beginning_and_a_missing_word(reader: User) -> None:
    released(reader, "No hydronephrosis.")
    released(reader, "Hydronephrosis, no effusion.")
    assert impressions(find(reader, '"no hydronephrosis"')) == ["No hydronephrosis."]
    assert len(find(reader, "hydro*").hits) == 2
    assert impressions(find(reader, "hydronephrosis -effusion")) == ["No hydronephrosis."]


def test_german_words_are_found_by_their_other_forms(reader: User) -> None:
    released(reader, "Kein Nachweis von Frakturen der Rippen.", "Die Lunge ist frei und nicht gestaut.")
    assert len(find(reader, "Frakturen").hits) == 1
    assert len(find(reader, "rippen").hits) == 1
    assert SearchRow.objects.get().language == "de"


def test_a_word_in_the_impression_counts_more_and_a_section_narrows(reader: User) -> None:
    released(reader, "Fracture.", "Nothing else.")
    released(reader, "Normal.", "An old fracture is mentioned.")
    assert impressions(find(reader, "fracture")) == ["Fracture.", "Normal."]
    assert impressions(find(reader, "fracture", sort="newest")) == ["Normal.", "Fracture."]
    assert impressions(find(reader, "fracture", section="findings")) == ["Normal."]


def test_filters_of_modality_author_site_and_days(reader: User) -> None:
    version = released(reader, "Fracture.")
    site = str(Site.objects.get(code="north").pk)
    day = f"{version.signed_at:%Y-%m-%d}"
    assert (
        len(find(reader, "fracture", modality="ct", author=str(reader.pk), site=site, since=day, until=day).hits) == 1
    )
    assert not find(reader, "fracture", modality="MR").hits
    assert not find(reader, "fracture", author=str(reader.pk + 1)).hits
    assert not find(reader, "fracture", since="2026-03-11").hits
    assert not find(reader, "fracture", until="2026-03-09").hits


def test_who_may_not_see_a_report_does_not_find_it(reader: User) -> None:
    version = released(reader, "Fracture.")
    south = SiteFactory(code="south")
    assert not find(make_reader("elsewhere", sites=(south,)), "fracture").hits
    site = version.report.item.site
    mine, other = make_user("mine", Role.REFERRER, sites=(site,)), make_user("other", Role.REFERRER, sites=(site,))
    order = version.report.item.procedure.order
    order.referrer = mine
    order.save()
    assert len(find(mine, "fracture").hits) == 1
    assert not find(other, "fracture").hits


def test_a_draft_is_not_found_and_a_preliminary_is(reader: User) -> None:
    preliminary({"findings": "Fracture.", "impression": "Fracture."})
    deliver_owed(at=LATER)
    report = Report.objects.get()
    assert len(find(reader, "fracture").hits) == 1
    item = worklist.claim(report.item_id, **by(reader))
    services.save_draft(item.pk, revision=1, sections={"impression": "Luxation."}, **by(reader))
    assert not find(reader, "luxation").hits


def test_a_correction_and_an_addendum_are_found_and_what_was_corrected_is_not(reader: User) -> None:
    version = released(reader, "Fracture of the left rib.")
    services.correct(version.report_id, revision=1, sections={"impression": "Contusion."}, reason="side", **by(reader))
    services.add_addendum(version.report_id, text="Told to the ward.", **by(reader))
    deliver_owed(at=LATER)
    assert not find(reader, "fracture").hits
    assert impressions(find(reader, "contusion ward")) == ["Contusion."]
    assert SearchRow.objects.count() == 1


def test_a_missing_row_is_made_again_and_twice_changes_nothing(reader: User) -> None:
    version = released(reader, "Fracture.")
    SearchRow.objects.all().delete()
    assert not find(reader, "fracture").hits
    assert index_missing() == 1
    index_report(version.report_id)
    assert len(find(reader, "fracture").hits) == 1
    assert index_missing() == 0


@pytest.mark.parametrize("q", ["", "  ", "-fracture", "OR", "***", "x" * 301, " ".join("abcdefghijklmnopq")])
def test_what_wants_nothing_or_too_much_is_refused(q: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_question({"q": q})
    assert refused.value.at == "q"


@pytest.mark.parametrize(
    "q",
    [
        "it's",
        '"',
        'a"b',
        "a:b",
        "(x",
        "x)",
        "a & b | c",
        "{impression}",
        "NEAR(a b)",
        "<->",
        "\\",
        "'",
        "a\x00b",
        "5.2",
    ],
)
def test_signs_of_a_query_language_are_words_like_others(reader: User, q: str) -> None:
    released(reader, "Fracture of 5.2 mm.")
    try:
        question = read_question({"q": q})
    except Invalid:
        return
    assert len(search_reports(reader, question, at=LATER).hits) == (1 if q == "5.2" else 0)


def test_the_page_shows_marks_and_the_audit_has_ids_and_no_words(reader: User) -> None:
    version = released(reader, "Fracture <b>of</b> the rib.")
    client = Client()
    client.force_login(reader)
    page = client.get(reverse("reporting:search"), {"q": "fracture"}).content.decode()
    assert "<mark>Fracture</mark> &lt;b&gt;" in page and version.report.item.accession in page
    event = AuditEvent.objects.get(action="reports.search")
    assert event.detail["shown"] == [version.report_id]
    assert "racture" not in str(event.detail)
    refusal = client.get(reverse("reporting:search"), {"q": "-x"})
    assert refusal.status_code == 400 and "at least one word" in refusal.content.decode()


def test_a_search_is_kept_as_a_list_of_its_owner_only(reader: User) -> None:
    released(reader, "Fracture.")
    client = Client()
    client.force_login(reader)
    client.post(reverse("reporting:save-search"), {"q": "fracture", "name": "Breaks", "modality": "CT"})
    kept = reader.saved_searches.get()
    page = client.get(reverse("reporting:saved-search", args=[kept.pk]), follow=True).content.decode()
    assert "<mark>Fracture</mark>" in page and "Breaks" in page
    other = Client()
    other.force_login(make_reader("other"))
    assert other.get(reverse("reporting:saved-search", args=[kept.pk])).status_code == 404
    assert other.post(reverse("reporting:forget-search", args=[kept.pk])).status_code == 404
    client.post(reverse("reporting:forget-search", args=[kept.pk]))
    assert not reader.saved_searches.exists()


def test_over_rest_with_pages(reader: User) -> None:
    version = released(reader, "Fracture.")
    client = Client()
    client.force_login(reader)
    answer = client.get("/api/reports/search/", {"q": "fractures"}).json()
    assert (answer["total"], answer["more"], answer["pages"]) == (1, False, 1)
    assert answer["hits"][0]["report"] == version.report_id
    assert answer["hits"][0]["excerpts"] == [{"section": "impression", "pieces": [["Fracture", True], [".", False]]}]
    assert client.get("/api/reports/search/", {"q": "x", "since": "soon"}).json()["at"] == "since"
    made = client.post(
        "/api/saved-searches/", {"name": "Breaks", "question": {"q": "fracture"}}, content_type="application/json"
    )
    assert made.status_code == 201
    assert [row["name"] for row in client.get("/api/saved-searches/").json()["results"]] == ["Breaks"]
    assert client.delete(f"/api/saved-searches/{made.json()['id']}/").status_code == 204
