"""kill -9 of a real sender while it drains: nothing is lost, the order stands, each message arrives at least once."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from interfaces.hl7.models import OutboundMessage
from interfaces.hl7.outbound.sender import DestinationSender
from ris.kernel.clock import now
from tests.interfaces.hl7.emr import accept, destination, emr, owed
from tests.interfaces.hl7.inbound.test_killing import ROOT, database_url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("answered", [True, False], ids=["after the answer", "before the answer"])
def test_a_sender_killed_while_it_drains_loses_nothing_and_keeps_the_order(answered: bool, tmp_path) -> None:
    """The peer kills it in the middle of the seventh exchange; another sender goes on once its lease is over."""
    children: list[subprocess.Popen[bytes]] = []

    def script(raw: bytes, before: int) -> bytes | None:
        if before != 6:
            return accept(raw, before)
        children[0].kill()
        children[0].wait(30)
        return accept(raw, before) if answered else None

    with emr(script) as (system, port):
        to = destination(port)
        messages = [owed(to, lane=f"N{n % 3}", number=n) for n in range(12)]
        environment = os.environ | {
            "DATABASE_URL": database_url(), "RIS_DATA": str(tmp_path), "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "ris.settings",
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.interfaces.hl7.child_sender", str(to.pk)]
        children.append(subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL))
        children[0].wait(60)
        assert len(system.got) == 7
        assert OutboundMessage.objects.filter(state="sent").count() == 6
        later = now() + timedelta(minutes=2)
        assert DestinationSender(to.pk, clock=lambda: later).drain() == 6
    sent = system.control_ids
    assert sent[6] == sent[7], "what was not marked is sent again, under the same control id"
    once = sent[:6] + sent[7:]
    assert sorted(once) == sorted(message.control_id for message in messages)
    for lane in ("N0", "N1", "N2"):
        numbers = [int(control_id.split("-")[1]) for control_id in once if control_id.startswith(lane)]
        assert numbers == sorted(numbers)
    assert {message.reread().state for message in messages} == {"sent"}
