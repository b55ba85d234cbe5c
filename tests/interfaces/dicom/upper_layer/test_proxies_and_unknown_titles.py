"""Whom an address stands for behind a TLS proxy, and what an AE title sees that no device has."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as django_settings
from hypothesis import given
from hypothesis import strategies as st

from interfaces.dicom.models import DeviceProfile, Rejection
from interfaces.dicom.upper_layer import admission
from interfaces.dicom.upper_layer.proxy_protocol import SIGNATURE, parse_proxy_header
from ris.config import read_config
from ris.kernel.clock import now
from tests.factories import DeviceFactory, SiteFactory, make_order
from tests.interfaces.dicom.conftest import running
from tests.interfaces.dicom.raw import RawScanner, identifier
from tests.interfaces.dicom.scu import accessions, findscu

pytestmark = pytest.mark.once


def said(settings: Any, **changes: Any) -> None:
    settings.RIS = replace(django_settings.RIS, **changes)
    admission.clear_cache()


def binary(address: str, extensions: bytes = b"") -> bytes:
    body = socket.inet_aton(address) + socket.inet_aton("192.0.2.1") + struct.pack(">HH", 40000, 11112) + extensions
    return SIGNATURE + b"\x21\x11" + struct.pack(">H", len(body)) + body


@pytest.fixture
def proxied(transactional_db: None, settings: Any) -> Iterator[int]:
    said(settings, dicom_proxy=("127.0.0.1",))
    yield from running()


class Behind(RawScanner):
    """A scanner whose connection comes through a proxy that names this client."""

    def __init__(self, port: int, header: bytes, calling: str = "CT1") -> None:
        connect = socket.create_connection

        def through_proxy(*args: Any, **options: Any) -> socket.socket:
            sock = connect(*args, **options)
            for byte in header:  # it may come in pieces
                sock.sendall(bytes([byte]))
            return sock

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "create_connection", through_proxy)
            super().__init__(port, calling=calling)


@pytest.mark.parametrize("header", [b"PROXY TCP4 %s 192.0.2.1 40000 11112\r\n", None], ids=["version 1", "version 2"])
def test_the_address_that_the_proxy_names_counts(
    proxied: int, header: bytes | None, eventually: Callable[..., object]
) -> None:
    DeviceProfile.objects.create(device=DeviceFactory(), addresses=["198.51.100.7"], require_tls=True)
    made = [header % a if header else binary(a.decode(), b"\x20\0\1x") for a in (b"198.51.100.7", b"198.51.100.8")]
    mine = Behind(proxied, made[0])
    assert mine.kind == 2
    assert [status for status, _ in mine.find(identifier(ScheduledStationAETitle="CT1"))] == [0x0000]
    mine.close()
    assert Behind(proxied, made[1]).kind == 3
    assert eventually(lambda: Rejection.objects.filter(address="198.51.100.8").first())


@pytest.mark.parametrize("header", [b"", b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 nonsense\r\n", b"PROXY " + b"x" * 200])
def test_what_comes_from_a_proxy_without_a_header_is_ended(proxied: int, header: bytes) -> None:
    DeviceFactory()
    with pytest.raises(ConnectionError):
        Behind(proxied, header)


def test_behind_a_proxy_nobody_is_on_this_machine(proxied: int) -> None:
    DeviceFactory()
    assert Behind(proxied, binary("127.0.0.1"), calling="WHO").kind == 3
    assert Behind(proxied, binary("127.0.0.1"), calling="CT1").kind == 2


@given(st.binary(max_size=300))
def test_any_bytes_are_a_header_or_none(data: bytes) -> None:
    for raw in (data, SIGNATURE + data, b"PROXY TCP4 " + data):
        try:
            header = parse_proxy_header(raw)
        except ValueError:
            continue
        assert header is None or 0 < header.length <= len(raw)


def test_an_unknown_title_is_refused_unless_a_site_is_named(
    dicom: int, settings: Any, eventually: Callable[..., object]
) -> None:
    here = make_order(at=now())
    make_order(at=now(), site=SiteFactory(code="south"))

    said(settings, dicom_unknown="")
    assert RawScanner(dicom, calling="WHO").kind == 3
    assert eventually(lambda: Rejection.objects.filter(calling_ae="WHO", reason="calling AE title unknown").first())

    said(settings, dicom_unknown=here.site.code)
    assert accessions(findscu(dicom, calling="WHO")) == [here.accession]

    said(settings, dicom_unknown="nosuchsite")
    assert RawScanner(dicom, calling="WHO").kind == 3


def test_in_the_demo_this_machine_sees_the_first_site_only(dicom: int, settings: Any) -> None:
    here = make_order(at=now())
    make_order(at=now(), site=SiteFactory(code="south"))
    said(settings, dicom_unknown="*")
    assert accessions(findscu(dicom, calling="WHO")) == [here.accession]


@pytest.mark.parametrize(
    ("env", "unknown"),
    [
        ({}, "*"),
        ({"RIS_DEMO": "0"}, ""),
        ({"RIS_DICOM_UNKNOWN": "refuse"}, ""),
        ({"RIS_DEMO": "0", "RIS_DICOM_UNKNOWN": "north"}, "north"),
    ],
)
def test_the_default_is_refused_outside_the_demo(env: dict[str, str], unknown: str, tmp_path: Any) -> None:
    assert read_config(env | {"RIS_DATA": str(tmp_path)}).dicom_unknown == unknown


def test_a_title_padded_with_nul_is_the_same_title(dicom: int) -> None:
    DeviceFactory(ae_title="CT1")
    order = make_order(at=now())
    scanner = RawScanner(dicom, calling="CT1\0\0\0", called="RIS\0")
    statuses = [status for status, _ in scanner.find(identifier(ScheduledStationAETitle="CT1\0"))]
    scanner.close()
    assert (scanner.kind, statuses) == (2, [0xFF00, 0x0000]), order
