from __future__ import annotations

import ssl
import subprocess

import pytest
from django.db import OperationalError

from interfaces.hl7.inbound import intake, processing
from interfaces.hl7.models import InboundMessage
from interfaces.hl7.outbound.connection import DestinationConnection
from ris.kernel.db.statements import BulkInsert
from ris.orders.models import Order
from tests.interfaces.hl7.emr import destination
from tests.interfaces.hl7.hl7 import order
from tests.interfaces.hl7.wire import Client, listening

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def a_hospital(transactional_db, hospital):
    return hospital


def test_while_the_database_is_away_no_aa_is_sent_and_it_goes_on_by_itself_afterwards(monkeypatch):
    def away(self, rows):
        raise OperationalError("the database is away")

    with listening() as port, Client(port) as sender:
        assert sender.ask(order(control_id="A"))[1][1] == "AA"
        with monkeypatch.context() as patch:
            patch.setattr(BulkInsert, "insert", away)
            assert sender.ask(order(control_id="B", placer="P2"))[1][1] == "AR"
        assert sender.ask(order(control_id="B", placer="P2"))[1][1] == "AA"
    assert Order.objects.count() == 2


def test_when_it_cannot_be_applied_now_it_is_kept_rejected_and_taken_when_it_comes_again(monkeypatch):
    real, failing = processing.process_row, [True]

    def locked(row, at):
        if failing[0]:
            raise OperationalError("locked")
        return real(row, at)

    monkeypatch.setattr(processing, "process_row", locked)
    with listening() as port, Client(port) as sender:
        assert sender.ask(order(control_id="B"))[1][1] == "AR"
        failing[0] = False
        assert sender.ask(order(control_id="B"))[1][1] == "AA"
    assert Order.objects.count() == 1
    assert sorted(InboundMessage.objects.values_list("state", flat=True)) == ["applied", "received"]
    left = InboundMessage.objects.get(state="received")
    assert intake.process_message(left.pk, at=left.received_at).state == "duplicate"


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate of 127.0.0.1 with its key, in one PEM file."""
    key, cert, both = tmp_path / "key.pem", tmp_path / "cert.pem", tmp_path / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return cert, both


def test_our_sender_and_our_listener_speak_mutual_tls_and_a_stranger_is_turned_away(certificate):
    cert, both = certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=cert)
    context.load_cert_chain(both)
    context.verify_mode = ssl.CERT_REQUIRED
    with listening(tls=context) as port:
        to = destination(port, name="TLS", tls="mutual", ca_file=str(cert), cert_file=str(both), timeout=10)
        line = DestinationConnection(to)
        assert line.exchange(order(control_id="TLS1"), "TLS1").code == "AA"
        line.close()
        stranger = ssl.create_default_context(cafile=cert)
        with pytest.raises((ssl.SSLError, ConnectionError)), Client(port) as plain:
            plain.sock = stranger.wrap_socket(plain.sock, server_hostname="127.0.0.1")
            plain.send(order(control_id="TLS2"))
            if plain.receive() == b"":
                raise ConnectionError
    assert Order.objects.count() == 1
