from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from interfaces.hl7.models import InboundMessage, Peer
from interfaces.hl7.outbound.sender import DestinationSender
from ris.config import read_config
from ris.config_values import Misconfigured
from ris.kernel.tls import TlsFiles, build_server_context
from ris.orders.models import Order
from tests.interfaces.hl7.emr import destination, owed
from tests.interfaces.hl7.hl7 import order
from tests.interfaces.hl7.wire import Client, listening

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def a_hospital(transactional_db, hospital):
    return hospital


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    command = f"openssl {made} -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return TlsFiles(str(cert), str(key), str(cert))


class TlsClient(Client):
    """A sender that believes our certificate and may have one of its own."""

    def __init__(self, port: int, files: TlsFiles, *, shows_one: bool) -> None:
        super().__init__(port)
        context = ssl.create_default_context(cafile=files.cert)
        if shows_one:
            context.load_cert_chain(files.cert, files.key)
        self.sock = context.wrap_socket(self.sock, server_hostname="127.0.0.1")


def test_a_sender_with_a_certificate_is_answered_while_others_never_shake_hands(files: TlsFiles) -> None:
    with listening(tls=build_server_context(files)) as port:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
        with TlsClient(port, files, shows_one=True) as sender:
            assert sender.ask(order(control_id="SECRET"))[1][1:3] == ["AA", "SECRET"]
        for sock in silent:
            sock.close()
    assert Order.objects.count() == 1


@pytest.mark.parametrize(("bound_to", "code"), [("", "AA"), ("127.0.0.1", "AA"), ("emr.hospital.example", "AR")])
def test_a_sender_that_is_bound_to_a_certificate_is_believed_with_that_one_only(
    files: TlsFiles, bound_to: str, code: str
) -> None:
    """The certificate of these tests has the common name 127.0.0.1."""
    Peer.objects.update_or_create(
        application="EMR", facility="NORTH", defaults={"name": "EMR", "certificate": bound_to}
    )
    with listening(tls=build_server_context(files)) as port, TlsClient(port, files, shows_one=True) as sender:
        answer = sender.ask(order(control_id="M1"))
    assert answer[1][1] == code
    assert Order.objects.count() == (code == "AA")
    assert InboundMessage.objects.get().certificate == "127.0.0.1"


def test_a_bound_sender_without_tls_is_refused_and_told_the_cure() -> None:
    Peer.objects.update_or_create(
        application="EMR", facility="NORTH", defaults={"name": "EMR", "certificate": "emr.hospital.example"}
    )
    with listening() as port, Client(port) as sender:
        assert sender.ask(order(control_id="M1"))[1][1] == "AR"
    assert "shown was none" in InboundMessage.objects.get().reason


def test_where_a_ca_is_named_nobody_gets_in_without_a_certificate(files: TlsFiles) -> None:
    with listening(tls=build_server_context(files)) as port:
        with pytest.raises(OSError), TlsClient(port, files, shows_one=False) as sender:
            sender.send(order())
            assert sender.receive() == b""
            raise ConnectionError
        with Client(port) as plain, pytest.raises(OSError):
            plain.send(order())
            assert not plain.receive().startswith(b"MSH")
            raise ConnectionError
    assert not InboundMessage.objects.exists()


def test_without_a_ca_senders_need_no_certificate(files: TlsFiles) -> None:
    with (
        listening(tls=build_server_context(files._replace(ca=""))) as port,
        TlsClient(port, files, shows_one=False) as sender,
    ):
        assert sender.ask(order(control_id="M1"))[1][1:3] == ["AA", "M1"]


def test_the_settings_name_the_files(tmp_path: Path, files: TlsFiles) -> None:
    named = {"RIS_MLLP_CERT": files.cert, "RIS_MLLP_KEY": files.key, "RIS_MLLP_CA": files.ca}
    data = {"RIS_DATA": str(tmp_path)}
    assert read_config(data | named).mllp_tls == files
    assert read_config(data).mllp_tls is None
    with pytest.raises(Misconfigured, match="RIS_MLLP_KEY"):
        read_config(data | {"RIS_MLLP_CERT": files.cert})


@pytest.mark.parametrize("family", ["RIS_MLLP", "RIS_DICOM"])
def test_a_file_that_is_not_what_it_should_be_is_refused_by_the_name_of_its_setting(
    family: str, tmp_path: Path, files: TlsFiles
) -> None:
    junk, another, locked = tmp_path / "junk.pem", tmp_path / "another.pem", tmp_path / "locked.pem"
    junk.write_text("-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n")
    subprocess.run(f"openssl ecparam -genkey -name prime256v1 -noout -out {another}".split(), check=True)
    subprocess.run(f"openssl ec -in {files.key} -aes128 -passout pass:secret -out {locked}".split(), check=True)
    right = {f"{family}_CERT": files.cert, f"{family}_KEY": files.key, f"{family}_CA": files.ca}
    for part, wrong in (
        ("CERT", junk), ("CERT", tmp_path), ("CERT", files.key), ("KEY", junk), ("KEY", another), ("KEY", locked),
        ("CA", junk), ("CA", files.key),
    ):  # fmt: skip
        with pytest.raises(Misconfigured) as refused:
            read_config({"RIS_DATA": str(tmp_path)} | right | {f"{family}_{part}": str(wrong)})
        assert refused.value.variable == f"{family}_{part}"
        assert "Cure: " in str(refused.value)


@pytest.fixture(scope="module")
def both(files: TlsFiles) -> str:
    """Certificate and key in one file, as a destination wants them."""
    path = Path(files.cert).with_name("both.pem")
    path.write_text(Path(files.cert).read_text() + Path(files.key).read_text())
    return str(path)


def test_an_outgoing_message_goes_over_mutual_tls_to_a_peer_that_is_believed(files: TlsFiles, both: str) -> None:
    with listening(tls=build_server_context(files)) as port:
        to = destination(port, name="PEER", tls="mutual", ca_file=files.cert, cert_file=both, timeout=10)
        message = owed(to)
        DestinationSender(to.pk).drain()
    assert message.reread().answer_code == "AE"  # our own listener has no use for it, and says so
    assert InboundMessage.objects.get().control_id == message.control_id


@pytest.mark.parametrize(
    ("wrong", "peer_wants_one"),
    [({"ca_file": ""}, False), ({"tls": "tls", "cert_file": ""}, True), ({"tls": ""}, False)],
    ids=["a peer that nobody vouches for", "no certificate of ours", "no TLS at all"],
)
def test_nothing_goes_out_over_a_line_that_is_not_as_it_was_set_up(
    files: TlsFiles, both: str, wrong: dict[str, str], peer_wants_one: bool
) -> None:
    with listening(tls=build_server_context(files if peer_wants_one else files._replace(ca=""))) as port:
        right = {"name": "PEER", "tls": "mutual", "ca_file": files.cert, "cert_file": both, "timeout": 3}
        to = destination(port, **(right | wrong))
        message = owed(to)
        assert DestinationSender(to.pk).drain() == 0
    assert message.reread().state == "queued"
    to.refresh_from_db()
    assert to.last_error
    assert not InboundMessage.objects.exists()
