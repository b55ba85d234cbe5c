"""A year goes to a signed file, leaves the database, and the chain is whole with and without it."""

from __future__ import annotations

import dataclasses
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ris.audit.chain import seal_trail
from ris.audit.models import AuditEvent
from ris.audit.services import record
from ris.audit.verification import verify_trail
from ris.operations.sealing import make_key
from tests.factories import TESTER, SiteFactory

pytestmark = pytest.mark.django_db
IN_2024 = datetime(2024, 12, 31, 23, 0, tzinfo=UTC)
IN_2025 = datetime(2025, 1, 1, 0, 30, tzinfo=UTC)


@pytest.fixture
def pair(settings: Any, tmp_path: Path) -> dict[str, str]:
    settings.RIS = dataclasses.replace(settings.RIS, audit_heads=tmp_path / "heads.log")
    make_key(tmp_path / "cert.pem", tmp_path / "key.pem")
    return {"certificate": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}


@pytest.fixture(autouse=True)
def two_years() -> None:
    site = SiteFactory()
    for at in (IN_2024, IN_2024 + timedelta(minutes=1), IN_2025):
        for n in range(2):
            record(TESTER, "site.view", site, at=at, reason=f"{at.year} ü {n}")
        seal_trail(at=at)


def ris_audit(*args: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("audit", *args, stdout=out, **options)
    return out.getvalue()


def test_a_year_is_archived_and_removed_and_the_chain_goes_on(pair: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "2024.ndjson"
    said = ris_audit("archive", "2024", "--to", str(file), "--remove", **pair)
    assert "4 events under seals 1 to 2" in said
    assert set(AuditEvent.objects.filter(action="site.view").values_list("reason", flat=True)) == {
        "2025 ü 0", "2025 ü 1",
    }  # fmt: skip
    seal_trail(at=IN_2025 + timedelta(minutes=1))
    verdict = verify_trail(at=IN_2025)
    assert (verdict.findings, verdict.seals, verdict.events, verdict.archived) == ([], 4, 3, 4)
    assert file.read_text().count("2024 ü") == 4 and file.stat().st_mode & 0o077 == 0
    assert "4 events" in ris_audit("check", str(file), certificate=pair["certificate"])
    with pytest.raises(Exception, match="append-only"):
        AuditEvent.objects.all()._raw_delete("default")


def test_an_archive_that_was_changed_is_refused(pair: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "2024.ndjson"
    ris_audit("archive", "2024", "--to", str(file), **pair)
    file.write_text(file.read_text().replace("2024 ü 1", "2024 ü 9", 1))
    with pytest.raises(CommandError, match="openssl cms failed"):
        ris_audit("check", str(file), certificate=pair["certificate"])
    make_key(tmp_path / "c2.pem", tmp_path / "k2.pem")
    file.with_name("2024.ndjson.p7s").unlink()
    from ris.operations.sealing import sign

    sign(file, Path(pair["certificate"]), Path(pair["key"]))  # even by who has the key
    with pytest.raises(CommandError, match="seal 1: the events are not what was sealed"):
        ris_audit("check", str(file), certificate=pair["certificate"])


def test_another_signer_is_refused(pair: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "2024.ndjson"
    make_key(tmp_path / "c2.pem", tmp_path / "k2.pem")
    ris_audit("archive", "2024", "--to", str(file), certificate=str(tmp_path / "c2.pem"), key=str(tmp_path / "k2.pem"))
    with pytest.raises(CommandError, match="openssl cms failed"):
        ris_audit("check", str(file), certificate=pair["certificate"])


def test_a_year_that_is_not_over_is_refused(pair: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not over"):
        ris_audit("archive", "2099", "--to", str(tmp_path / "x"), **pair)


def test_the_command_says_whether_the_trail_is_what_was_sealed() -> None:
    said = ris_audit("verify")
    assert re.search(r"3 seals, 6 events, 0 more in archives, 0 not sealed yet. Head: [0-9a-f]{64}", said)
