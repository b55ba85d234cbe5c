"""The kit is whole files that need no server; what was scheduled during a downtime is listed until it is entered."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from ris.kernel.relay import deliver_owed
from ris.operations.downtime import kit_folder, write_kit
from ris.people.roles import Role
from tests.factories import NOON, PatientFactory, SiteFactory, make_order, make_user, perform

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    settings.RIS = dataclasses.replace(settings.RIS, downtime=tmp_path / "kit")


def test_the_kit_has_the_schedule_the_worklist_and_a_form_and_needs_nothing_else() -> None:
    make_order(patient=PatientFactory(family_name="ZZTEST-TODAY", number="ZZ-1"), at=NOON + HOUR)
    make_order(patient=PatientFactory(family_name="ZZTEST-NEXT-WEEK"), at=NOON + timedelta(days=7))
    read = make_order(patient=PatientFactory(family_name="ZZTEST-READ<script>"), at=NOON - HOUR)
    perform(read.procedures.get())
    deliver_owed(at=NOON + HOUR)
    index = write_kit(at=NOON)
    text = (index.parent / f"site-{read.site_id}.html").read_text()
    assert re.search(r'href="site-\d+\.html"', index.read_text())
    schedule, to_read = text.split("<h2>To be read</h2>")
    assert "ZZTEST-TODAY" in schedule and "ZZ-1 (NORTH)" in schedule and "08:00" in schedule, "by the site's clock"
    assert "ZZTEST-NEXT-WEEK" not in text
    assert "ZZTEST-READ&lt;SCRIPT&gt;" in to_read and read.accession in to_read and "<script" not in text.lower()
    assert not re.search(r"""(src|href)=["'](?!site-|index)""", text + index.read_text())
    assert {file.stat().st_mode & 0o077 for file in (index, index.parent)} == {0}


def test_a_new_kit_takes_the_place_of_the_old_one_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    make_order(patient=PatientFactory(family_name="ZZTEST-OLD"), at=NOON + HOUR)
    site = write_kit(at=NOON).parent / f"site-{SiteFactory().pk}.html"
    monkeypatch.setattr("ris.operations.downtime._worklist", lambda site: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_kit(at=NOON + HOUR)
    assert "ZZTEST-OLD" in site.read_text() and [f.name for f in kit_folder().parent.iterdir()] == ["kit"]
    monkeypatch.undo()


def test_what_was_scheduled_meanwhile_is_listed_until_it_is_entered() -> None:
    site = SiteFactory()
    done = make_order(patient=PatientFactory(family_name="ZZTEST-DONE"), at=NOON)
    make_order(patient=PatientFactory(family_name="ZZTEST-FORGOTTEN"), at=NOON)
    make_order(patient=PatientFactory(family_name="ZZTEST-LATER"), at=NOON + 9 * HOUR)
    client = Client()
    client.force_login(make_user("tech", Role.TECHNOLOGIST, sites=(site,)))
    window = {"since": "2026-03-10T11:00", "until": "2026-03-10T13:00"}
    assert b"ZZTEST-DONE" in client.get("/downtime/", window).content
    perform(done.procedures.get())
    text = client.get("/downtime/", window).content
    assert b"ZZTEST-FORGOTTEN" in text and b"ZZTEST-DONE" not in text and b"ZZTEST-LATER" not in text
    assert client.get("/downtime/", {"since": "2026-03-10T11:00", "until": "2026-03-09T11:00"}).status_code == 400
