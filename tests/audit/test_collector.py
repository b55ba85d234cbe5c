"""The trail reaches a real syslog server over TLS, in order and whole, however long that was away."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from ris.audit.atna.messages import audit_message
from ris.audit.atna.sender import ALARM, send_sealed
from ris.audit.chain import seal_trail
from ris.audit.models import AuditEvent, Collector
from ris.audit.services import Actor, record
from ris.config_values import Address
from ris.kernel.models import Alarm
from ris.kernel.tls import TlsFiles
from tests.factories import NOON, TESTER, PatientFactory, SiteFactory, make_order, make_user
from tests.serving import free_port, is_open, wait_for

pytestmark = [pytest.mark.django_db, pytest.mark.once]

CONFIGURATION = """
global(workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="{folder}/cert.pem" defaultNetstreamDriverCertFile="{folder}/cert.pem"
  defaultNetstreamDriverKeyFile="{folder}/key.pem")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="raw" type="string" string="%hostname% %app-name% %procid% %msgid% %msg%\\n")
action(type="omfile" file="{folder}/received" template="raw")
"""


class Rsyslog:
    """rsyslogd with TLS on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        command = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        )
        command += f" -addext subjectAltName=IP:127.0.0.1 -keyout {folder}/key.pem -out {folder}/cert.pem"
        subprocess.run(command.split(), check=True, capture_output=True)
        (folder / "rsyslog.conf").write_text(CONFIGURATION.format(folder=folder, port=self.port))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
        command = [program, "-n", "-f", str(self.folder / "rsyslog.conf"), "-i", str(self.folder / "pid")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: is_open(("127.0.0.1", self.port)), seconds=20, what="rsyslog listens")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)
            self.process = None

    def received(self) -> list[str]:
        file = self.folder / "received"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def event_ids(self) -> list[int]:
        return [int(line.split(" ", 4)[2]) for line in self.received()]


@pytest.fixture
def rsyslog(settings: Any, tmp_path: Path) -> Iterator[Rsyslog]:
    server = Rsyslog(tmp_path)
    settings.RIS = dataclasses.replace(
        settings.RIS, audit_heads=tmp_path / "heads.log", syslog=Address("127.0.0.1", server.port),
        syslog_tls=TlsFiles("", "", str(tmp_path / "cert.pem")),
    )  # fmt: skip
    yield server
    server.stop()


def test_a_collector_that_was_away_for_eight_hours_gets_all_in_order(rsyslog: Rsyslog) -> None:
    rsyslog.start()
    site = SiteFactory()
    for minute in range(0, 8 * 60 + 1, 10):
        at = NOON + timedelta(minutes=minute)
        record(TESTER, "site.view", site, at=at, reason=f"Zeile 1 ü\nZeile {minute}")
        record(TESTER, "site.change", site, at=at)
        seal_trail(at=at)
        send_sealed(at=at)
        if minute == 0:
            wait_for(lambda: len(rsyslog.event_ids()) == 2, seconds=20, what="the first are there")
            rsyslog.stop()
    alarm = Alarm.objects.get(kind=ALARM, cleared_at=None)
    assert alarm.times > 1
    rsyslog.start()
    back = NOON + timedelta(hours=8, minutes=5)
    assert send_sealed(at=back) == AuditEvent.objects.count() - 2
    wait_for(lambda: len(rsyslog.event_ids()) >= AuditEvent.objects.count(), seconds=20, what="all are there")
    assert rsyslog.event_ids() == list(AuditEvent.objects.order_by("pk").values_list("pk", flat=True))
    assert not Alarm.objects.filter(kind=ALARM, cleared_at=None).exists()
    assert send_sealed(at=back + timedelta(minutes=1)) == 0, "nothing is sent twice"
    assert Collector.objects.get().failures == 0


def test_what_the_collector_keeps_is_an_audit_message_of_dicom(rsyslog: Rsyslog) -> None:
    rsyslog.start()
    order = make_order(patient=PatientFactory(number="ZZ-7"))
    user, other = make_user("resident"), make_user("attending")
    actor = Actor("resident", user.pk, "10.0.0.9", purpose="BTG", acting_for_id=other.pk)
    event = record(actor, "order.view", order, patient_id=order.patient_id, reason="<b>Notfall ü", at=NOON)
    seal_trail(at=NOON)
    send_sealed(at=NOON)
    wait_for(lambda: event.pk in rsyslog.event_ids(), seconds=20, what="it is there")
    line = next(line for line in rsyslog.received() if f" wetread {event.pk} DICOM+RFC3881 " in line)
    message = Xml.fromstring(line[line.index("<AuditMessage") :])
    said = message.find("EventIdentification")
    assert said is not None and said.get("EventActionCode") == "R" and said.get("EventOutcomeIndicator") == "0"
    assert said.get("EventDateTime") == "2026-03-10T12:00:00.000000Z"
    assert [said.find(name).get("csd-code") for name in ("EventID", "PurposeOfUse")] == ["110109", "BTG"]  # type: ignore[union-attr]
    people = [(p.get("UserID"), p.get("UserIsRequestor"), p.get("NetworkAccessPointID")) for p in
              message.findall("ActiveParticipant")]  # fmt: skip
    assert people == [("resident", "true", "10.0.0.9"), ("attending", "false", None)]
    objects = [o.get("ParticipantObjectID") for o in message.findall("ParticipantObjectIdentification")]
    assert objects == ["ZZ-7^^^NORTH", f"urn:wetread:Order:{order.pk}"]


def test_a_failed_log_in_is_a_serious_failure_of_user_authentication() -> None:
    event = AuditEvent(pk=1, at=NOON, actor="x", action="people.login-failed", subject="User", subject_id="1")
    message = Xml.fromstring(audit_message(event, "RIS", []))
    said = message.find("EventIdentification")
    assert said is not None and (said.get("EventOutcomeIndicator"), said.get("EventActionCode")) == ("4", "E")
    assert said.find("EventID").get("csd-code") == "110114"  # type: ignore[union-attr]


def test_a_collector_without_the_right_certificate_gets_nothing(rsyslog: Rsyslog, settings: Any) -> None:
    rsyslog.start()
    settings.RIS = dataclasses.replace(settings.RIS, syslog_tls=TlsFiles("", "", ""))
    record(TESTER, "site.view", SiteFactory(), at=NOON)
    seal_trail(at=NOON)
    assert send_sealed(at=NOON) == 0
    assert "SSLCertVerificationError" in Alarm.objects.get(kind=ALARM).detail and rsyslog.received() == []
