"""The echo test of a device: asked of DCMTK, of nobody, and of one who refuses us."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from interfaces.dicom.models import DeviceProfile
from interfaces.dicom.scu.c_echo import send_echo
from ris.audit.models import AuditEvent
from ris.catalog.models import Device
from ris.kernel.errors import Invalid
from ris.kernel.tls import TlsFiles
from ris.people.roles import Role
from tests.factories import NOON, TESTER, DeviceFactory, SiteFactory, make_user

pytestmark = pytest.mark.django_db


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def scp_running(folder: Path, *options: str) -> Iterator[int]:
    """DCMTK's storescp, which answers C-ECHO; its port."""
    port = free_port()
    process = subprocess.Popen(["storescp", *options, "-od", str(folder), "-aet", "CT1", str(port)])
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield port
    process.terminate()
    process.wait(10)


@pytest.fixture
def storescp(tmp_path: Path) -> Iterator[int]:
    with scp_running(tmp_path) as port:
        yield port


@pytest.fixture
def encrypted(tmp_path: Path, certificate: tuple[Path, Path]) -> Iterator[int]:
    """The same, that wants TLS and a certificate that it trusts."""
    cert, key = map(str, certificate)
    with scp_running(tmp_path, "+tls", key, cert, "+cf", cert, "-rc") as port:
        yield port


def device_at(port: int, **profile: bool) -> Device:
    device: Device = DeviceFactory()
    DeviceProfile.objects.create(device=device, host="127.0.0.1", port=port, **profile)
    return device


def test_a_device_that_is_there_answers_on_its_page_and_it_is_audited(storescp: int) -> None:
    device = device_at(storescp)
    client = Client()
    client.force_login(make_user("tech", Role.TECHNOLOGIST, sites=(device.site,)))
    where = reverse("dicom:device", args=[device.pk])
    assert "Echo test" in client.get(where).content.decode()
    shown = client.post(reverse("dicom:echo", args=[device.pk]), follow=True)
    assert shown.redirect_chain == [(where, 302)]
    assert "CT1 answered in" in shown.content.decode()
    event = AuditEvent.objects.get(action="device.echo")
    assert event.actor == "tech" and event.detail["answered"] is True


def test_a_device_that_wants_tls_is_asked_over_tls_with_our_certificate(
    encrypted: int, certificate: tuple[Path, Path], settings: Any
) -> None:
    cert, key = map(str, certificate)
    device = device_at(encrypted, require_tls=True)
    assert not send_echo(device, actor=TESTER, at=NOON).answered  # nobody here vouches for it
    settings.RIS = dataclasses.replace(settings.RIS, dicom_tls=TlsFiles(cert, key, cert))
    assert send_echo(device, actor=TESTER, at=NOON).words.startswith("CT1 answered in")
    DeviceProfile.objects.update(require_tls=False)
    device.dicom_profile.refresh_from_db()
    assert not send_echo(device, actor=TESTER, at=NOON).answered


def test_a_device_that_is_not_there_is_said_to_be_unreachable() -> None:
    said = send_echo(device_at(free_port()), actor=TESTER, at=NOON)
    assert not said.answered and "cannot be reached" in said.words
    assert AuditEvent.objects.get(action="device.echo").detail["answered"] is False


def test_a_device_that_rejects_us_is_said_to_reject_us() -> None:
    ae = AE(ae_title="CT1")
    ae.require_calling_aet = ["SOMEBODY"]
    ae.add_supported_context(Verification)
    server = ae.start_server(("127.0.0.1", 0), block=False)
    try:
        said = send_echo(device_at(server.server_address[1]), actor=TESTER, at=NOON)
    finally:
        server.shutdown()
    assert not said.answered and "rejects our association" in said.words


def test_without_an_address_nothing_is_asked() -> None:
    device = DeviceFactory()
    with pytest.raises(Invalid, match="host and a port"):
        send_echo(device, actor=TESTER, at=NOON)
    assert not AuditEvent.objects.filter(action="device.echo").exists()


def test_a_reader_and_a_foreign_technologist_do_not_echo() -> None:
    device = device_at(free_port())
    for user, status in (
        (make_user("rada", Role.RADIOLOGIST, sites=(device.site,)), 403),
        (make_user("tess", Role.TECHNOLOGIST, sites=(SiteFactory(code="south"),)), 404),
    ):
        client = Client()
        client.force_login(user)
        assert client.post(reverse("dicom:echo", args=[device.pk])).status_code == status
