from __future__ import annotations

import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable

import pytest

from interfaces.dicom.models import MwlQuery
from ris.kernel.clock import now
from tests.factories import make_order
from tests.interfaces.dicom.raw import RawScanner, identifier
from tests.interfaces.dicom.scu import STEP, findscu

pytestmark = pytest.mark.once

SEED = 20260310


def test_two_hundred_silent_sockets_do_not_hold_up_a_good_scanner(dicom: int) -> None:
    order = make_order(at=now())
    silent = [socket.create_connection(("127.0.0.1", dicom)) for _ in range(200)]
    try:
        scanner = RawScanner(dicom)
        answers = scanner.find(identifier(ScheduledStationAETitle="CT1"))
        scanner.close()
        assert [status for status, _ in answers] == [0xFF00, 0x0000]
        (entry,) = findscu(dicom, STEP + "ScheduledStationAETitle=CT1")
        assert entry.AccessionNumber == order.accession
    finally:
        for sock in silent:
            sock.close()


def test_twenty_four_devices_ask_at_once(dicom: int) -> None:
    make_order(at=now())
    scanners = [RawScanner(dicom) for _ in range(24)]
    asked = identifier(ScheduledStationAETitle="CT1")
    for scanner in scanners:
        scanner.send_find(asked)
    for scanner in scanners:
        assert [status for status, _ in scanner.answers()] == [0xFF00, 0x0000]
        scanner.close()


@pytest.mark.parametrize("seed", range(SEED, SEED + 5))
def test_malformed_bytes_are_survived(dicom: int, seed: int) -> None:
    make_order(at=now())
    dice = random.Random(seed)
    good = RawScanner(dicom)
    sound = [good.request, good.find_message(identifier(ScheduledStationAETitle="CT1"))]
    good.close()
    for _ in range(60):
        with socket.create_connection(("127.0.0.1", dicom)) as sock:
            sock.settimeout(0.2)
            if dice.random() < 0.5:
                sock.sendall(sound[0])
                _hear(sock)
            for _ in range(dice.randrange(1, 4)):
                _say(sock, _spoilt(dice, dice.choice(sound)))
            _hear(sock)
    after = RawScanner(dicom)
    assert [status for status, _ in after.find(identifier(ScheduledStationAETitle="CT1"))] == [0xFF00, 0x0000]
    after.close()


def _spoilt(dice: random.Random, message: bytes) -> bytes:
    raw = bytearray(message)
    kind = dice.randrange(5)
    if kind == 0:
        for _ in range(dice.randrange(1, 8)):
            raw[dice.randrange(len(raw))] = dice.randrange(256)
    elif kind == 1:
        del raw[dice.randrange(len(raw)) :]
    elif kind == 2:
        raw[2:6] = struct.pack(">L", dice.choice([0, 1, 5, 2**31, 2**32 - 1, len(raw) * 2]))
    elif kind == 3:
        at = dice.randrange(6, len(raw))
        raw[at:at] = dice.randbytes(dice.randrange(1, 40))
    else:
        raw = bytearray(dice.randbytes(dice.randrange(1, 300)))
    return bytes(raw)


def _say(sock: socket.socket, data: bytes) -> None:
    try:
        sock.sendall(data)
    except OSError:  # it hung up on us, rightly
        return


def _hear(sock: socket.socket) -> None:
    try:
        sock.recv(4096)
    except OSError:
        return


def test_a_unit_that_claims_four_gigabytes_ends_the_connection(dicom: int) -> None:
    with socket.create_connection(("127.0.0.1", dicom)) as sock:
        sock.settimeout(5)
        sock.sendall(b"\x01\x00\xff\xff\xff\xff")
        assert sock.recv(16)[:1] == b"\x07"  # A-ABORT
        assert sock.recv(16) == b""


def test_a_peer_that_never_says_hello_is_hung_up_on(dicom: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interfaces.dicom.upper_layer.acceptor.REQUEST_TIMEOUT_S", 0.3)
    with socket.create_connection(("127.0.0.1", dicom)) as sock:
        sock.settimeout(5)
        sock.sendall(b"\x01")
        with contextlib.suppress(ConnectionResetError):  # as good
            assert sock.recv(1) == b""


def test_a_cancelled_query_stops_at_the_next_line(dicom: int, eventually: Callable[..., object]) -> None:
    from tests.interfaces.dicom.many import many_steps

    many_steps(900, at=now())
    scanner = RawScanner(dicom)
    scanner.send_find(identifier(ScheduledStationAETitle="CT1"), and_cancel=True)
    statuses = [status for status, _ in scanner.answers()]
    scanner.close()
    assert statuses[-1] == 0xFE00
    assert len(statuses) < 900
    assert eventually(lambda: MwlQuery.objects.filter(status="FE00").first())


def test_scanners_that_ask_and_never_read_do_not_hold_up_others(dicom: int) -> None:
    from tests.interfaces.dicom.many import many_steps

    many_steps(1000, at=now())
    deaf = [RawScanner(dicom) for _ in range(12)]
    for scanner in deaf:
        scanner.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(5):
            scanner.send_find(identifier(ScheduledStationAETitle="CT1"))
    time.sleep(1)
    good = RawScanner(dicom)
    assert len(good.find(identifier(ScheduledStationAETitle="NOBODY"))) == 1  # before its socket gives up
    good.close()
    for scanner in deaf:
        scanner.abort()


def test_a_scanner_may_abort_after_its_answer(dicom: int) -> None:
    make_order(at=now())
    for _ in range(3):
        scanner = RawScanner(dicom)
        scanner.find(identifier(ScheduledStationAETitle="CT1"))
        scanner.abort()
    again = RawScanner(dicom)
    assert [status for status, _ in again.find(identifier(ScheduledStationAETitle="CT1"))] == [0xFF00, 0x0000]
    again.close()


def test_fragments_and_small_units_are_put_together(dicom: int) -> None:
    make_order(at=now())
    scanner = RawScanner(dicom, longest=128)
    asked = scanner.find_message(identifier(ScheduledStationAETitle="CT1"), piece=20)
    for at in range(0, len(asked), 7):
        scanner.sock.sendall(asked[at : at + 7])
    assert [status for status, _ in scanner.answers()] == [0xFF00, 0x0000]
    assert scanner.longest_seen <= 128
    scanner.close()


def test_an_empty_calling_title_on_implicit_only_is_served(dicom: int) -> None:
    make_order(at=now())
    scanner = RawScanner(dicom, calling="", transfers=("1.2.840.10008.1.2",))
    assert [status for status, _ in scanner.find(identifier(ScheduledStationAETitle="CT1"))] == [0xFF00, 0x0000]
    scanner.close()
