"""``./bin/ris hl7 send | lint | replay`` as an analyst types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from interfaces.hl7.models import InboundMessage, ReplayJob
from ris.orders.models import Order
from tests.interfaces.hl7.emr import emr, msa
from tests.interfaces.hl7.hl7 import fixture, order, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "order.hl7"
    path.write_bytes(order(control_id="SENT"))
    return path


def test_send_frames_the_file_and_shows_the_answer(file: Path, capsys):
    with emr() as (system, port):
        call_command("hl7", "send", str(file), "--to", f"127.0.0.1:{port}")
    assert system.got == [file.read_bytes()]
    assert "MSA|AA|SENT" in capsys.readouterr().out


def test_send_mends_the_line_ends_of_a_text_file(file: Path):
    file.write_bytes(b"\x0b" + fixture("lf.hl7"))
    with emr() as (system, port):
        call_command("hl7", "send", str(file), "--to", f"127.0.0.1:{port}")
    assert b"\n" not in system.got[0] and system.got[0].endswith(b"\r")


def test_send_fails_for_a_refusal_for_a_listener_that_is_not_there_and_for_a_wrong_address(file: Path):
    no = emr(lambda raw, before: msa("SENT", "AE", "no"))
    with no as (_, port), pytest.raises(CommandError, match="not accepted"):
        call_command("hl7", "send", str(file), "--to", f"127.0.0.1:{port}")
    with pytest.raises(CommandError, match="refused"):
        call_command("hl7", "send", str(file), "--to", f"127.0.0.1:{port}")
    with pytest.raises(CommandError, match="HOST:PORT"):
        call_command("hl7", "send", str(file), "--to", "nowhere")


def test_send_says_when_there_is_no_answer(file: Path):
    with emr(lambda raw, before: None) as (system, port):
        system.hang_up_after_answer = True
        with pytest.raises(CommandError, match="without an answer"):
            call_command("hl7", "send", str(file), "--to", f"127.0.0.1:{port}")


def test_lint_changes_nothing_and_fails_for_what_would_be_refused(file: Path, capsys):
    call_command("hl7", "lint", str(file))
    assert "placed Order" in capsys.readouterr().out
    file.write_bytes(b"MSH|nonsense")
    with pytest.raises(CommandError):
        call_command("hl7", "lint", str(file))
    assert not InboundMessage.objects.exists()


def test_replay_previews_and_replays_by_id(capsys):
    row = take(order("QQ"))
    call_command("hl7", "replay", str(row.pk), "--preview")
    assert "refused" in capsys.readouterr().out
    assert not InboundMessage.objects.filter(edit_of=row).exists()
    call_command("hl7", "replay", str(row.pk))
    assert InboundMessage.objects.filter(edit_of=row).exists()


def test_replay_takes_an_edited_file_for_one_message(file: Path):
    row = take(order("QQ"))
    call_command("hl7", "replay", str(row.pk), "--file", str(file), "--reason", "code was wrong")
    assert Order.objects.count() == 1
    with pytest.raises(CommandError, match="one id"):
        call_command("hl7", "replay", "1", "2", "--file", str(file))


def test_replay_by_filter_counts_first_and_is_a_job(capsys):
    for number in range(2):
        take(order("QQ", placer=f"P{number}"))
    take(order())
    call_command("hl7", "replay", "--state", "refused", "--type", "ORM^O01", "--peer", "EMR@NORTH", "--preview")
    assert "2 messages would be taken again: 2 refused." in capsys.readouterr().out
    call_command("hl7", "replay", "--state", "refused")
    assert "2 of 2 taken again: 2 refused. Done." in capsys.readouterr().out
    assert ReplayJob.objects.get().state == "done"
    for wrong in ((), ("--peer", "NOBODY"), ("--since", "soon")):
        with pytest.raises(CommandError):
            call_command("hl7", "replay", *wrong)
