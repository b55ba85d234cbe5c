"""Released reports on paper."""

from __future__ import annotations

import pytest

from reporting import services
from reporting.models import ReportVersion
from reporting.rendering.pdf import render_pdf
from tests.reporting.written import by, preliminary, printed, signed
from tests.worklist.reading import make_reader

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def test_the_pdf_says_whose_report_it_is_what_it_says_and_who_signed() -> None:
    version = signed(make_reader())
    report = printed(version)
    order = version.report.procedure.order
    for said in (
        "Final report", order.site.name, order.patient.display_name, "14-Jul-1945", order.accession,
        "CT head without contrast", "No acute intracranial abnormality.", "Normal.", "page 1 of 1",
        "Signed: reader, 10-Mar-2026 07:00 CDT",
    ):  # fmt: skip
        assert said in report


def test_the_same_version_gives_the_same_bytes() -> None:
    version = signed(make_reader())
    assert render_pdf(version) == render_pdf(ReportVersion.objects.get())


def test_every_script_is_written_and_what_no_font_has_is_named_not_lost() -> None:
    said = "Ελληνικά Русский 肺野清晰 脳に 뇌출혈 ≥ 3 mm"
    report = printed(signed(make_reader(), {"findings": f"{said}\nالرئتان صافيتان\nก", "impression": "ü"}))
    for word in said.split():
        assert word in report
    assert "[U+0E01]" in report
    assert sum("\u0600" <= char <= "\u06ff" or "\ufb50" <= char <= "\ufeff" for char in report) >= 12


def test_hostile_text_stays_text() -> None:
    hostile = "<script>alert(1)</script> **b** {nb} http://x.example/ (\\) ET Q \x07\u202eevil"
    version = signed(make_reader(), {"findings": hostile, "impression": "/JavaScript (app.alert(1))"})
    pdf = render_pdf(version)
    report = printed(version)
    assert "<script>alert(1)</script> **b** {nb} http://x.example/ (\\) ET Q evil" in report
    assert "/JavaScript (app.alert(1))" in report
    for harm in (b"/JS", b"/URI", b"/JavaScript", b"/Launch", b"/GoToR", b"/EmbeddedFile"):
        assert harm not in pdf


def test_a_long_report_goes_on_over_numbered_pages() -> None:
    version = signed(make_reader(), {"findings": "Clear.\n" * 120, "impression": "Normal."})
    report = printed(version)
    assert report.count("Clear.") == 120
    assert "page 1 of 3" in report and "page 3 of 3" in report


def test_each_addendum_follows_with_who_added_it() -> None:
    reader = make_reader()
    version = signed(reader)
    added = services.add_addendum(version.report_id, text="Also a cyst.", **by(reader))
    text = printed(added)
    first, last = text.index("Normal."), text.index("Also a cyst.")
    assert first < text.index("reader, 10-Mar-2026 07:00 CDT", first) < last < text.index("Signed: reader", last)
    assert "Also a cyst." not in printed(version)


def test_a_preliminary_says_that_it_is_none_to_rely_on_and_that_nobody_signed_it() -> None:
    text = printed(preliminary())
    assert "Not yet signed by a radiologist; it may change." in text
    assert "Released: resident" in text and "Signed" not in text
