from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from interfaces.dicom.models import DeviceProfile
from ris.config_values import Misconfigured, tls_files
from ris.kernel.clock import now
from ris.kernel.tls import TlsFiles, build_server_context
from tests.factories import DeviceFactory, make_order
from tests.interfaces.dicom.conftest import running
from tests.interfaces.dicom.many import many_steps
from tests.interfaces.dicom.scu import STEP, accessions, associate, findscu

pytestmark = pytest.mark.once


@pytest.fixture
def encrypted(transactional_db: None, certificate: tuple[Path, Path]) -> Iterator[int]:
    cert, key = map(str, certificate)
    yield from running(tls=build_server_context(TlsFiles(cert, key, cert)))


def client(certificate: tuple[Path, Path] | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(*certificate)
    return context


def test_a_scanner_with_a_certificate_is_answered_while_others_never_shake_hands(
    encrypted: int, certificate: tuple[Path, Path]
) -> None:
    make_order(at=now())
    silent = [socket.create_connection(("127.0.0.1", encrypted)) for _ in range(100)]
    try:
        association = associate(encrypted, tls_args=(client(certificate), "127.0.0.1"))
        assert association.is_established
        assert association.send_c_echo().Status == 0x0000
        association.release()
    finally:
        for sock in silent:
            sock.close()


def test_who_shows_another_scanners_certificate_is_not_that_scanner(
    encrypted: int, certificate: tuple[Path, Path]
) -> None:
    DeviceProfile.objects.create(device=DeviceFactory(ae_title="CT1"), certificate="ct1.radiology.example")
    DeviceProfile.objects.create(device=DeviceFactory(ae_title="CT2"), certificate="127.0.0.1")
    refused = associate(encrypted, calling="CT1", tls_args=(client(certificate), "127.0.0.1"))
    assert refused.is_rejected
    let_in = associate(encrypted, calling="CT2", tls_args=(client(certificate), "127.0.0.1"))
    assert let_in.is_established
    let_in.release()


def test_without_tls_no_certificate_is_shown(dicom: int) -> None:
    DeviceProfile.objects.create(device=DeviceFactory(ae_title="CT1"), certificate="127.0.0.1")
    assert associate(dicom, calling="CT1").is_rejected


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_what_is_older_than_tls_1_2_never_shakes_hands(
    encrypted: int, certificate: tuple[Path, Path], version: ssl.TLSVersion
) -> None:
    context = client(certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")  # else our own OpenSSL would refuse, and not the listener
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
    with socket.create_connection(("127.0.0.1", encrypted)) as plain, pytest.raises(OSError):
        context.wrap_socket(plain)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", encrypted)) as plain:
        assert context.wrap_socket(plain).version() == "TLSv1.2"


def test_dcmtk_asks_over_tls_and_gets_a_long_list_whole(encrypted: int, certificate: tuple[Path, Path]) -> None:
    many_steps(150, at=now())
    cert, key = map(str, certificate)

    answers = findscu(encrypted, STEP + "ScheduledStationAETitle=CT1", tls=("+tls", key, cert, "+cf", cert))

    assert len(set(accessions(answers))) == 150


def test_whoever_stops_in_the_middle_of_the_handshake_or_speaks_something_else_holds_up_nobody(
    encrypted: int, certificate: tuple[Path, Path]
) -> None:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # a ClientHello that never ends
    odd = [hello, b"GET / HTTP/1.0\r\n\r\n", b"\x01\x00\x00\x00\x00\x44" + bytes(68)]
    sockets = [socket.create_connection(("127.0.0.1", encrypted)) for _ in range(30)]
    try:
        for n, sock in enumerate(sockets):
            sock.sendall(odd[n % len(odd)])
        association = associate(encrypted, tls_args=(client(certificate), "127.0.0.1"))
        assert association.send_c_echo().Status == 0x0000
        association.release()
    finally:
        for sock in sockets:
            sock.close()


def test_mpps_runs_over_tls_too(encrypted: int, certificate: tuple[Path, Path]) -> None:
    from pynetdicom.sop_class import ModalityPerformedProcedureStep

    association = associate(encrypted, ModalityPerformedProcedureStep, tls_args=(client(certificate), "127.0.0.1"))
    assert association.is_established
    association.release()


def test_without_a_certificate_nobody_gets_in(encrypted: int) -> None:
    assert not associate(encrypted, tls_args=(client(None), "127.0.0.1")).is_established
    assert not associate(encrypted).is_established


def test_half_a_setting_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "cert.pem"
    file.touch()
    with pytest.raises(Misconfigured, match="RIS_DICOM_KEY"):
        tls_files("RIS_DICOM", {"RIS_DICOM_CERT": str(file)})
    with pytest.raises(Misconfigured, match="RIS_DICOM_CERT: /nowhere cannot be read"):
        tls_files("RIS_DICOM", {"RIS_DICOM_CERT": "/nowhere", "RIS_DICOM_KEY": str(file)})
    assert tls_files("RIS_DICOM", {}) is None


def test_several_processes_may_share_a_port(transactional_db: None) -> None:
    first = running(share_port=True)
    port = next(first)
    with socket.socket() as second:
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        second.bind(("127.0.0.1", port))
    first.close()
