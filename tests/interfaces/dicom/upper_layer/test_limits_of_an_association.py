"""What one peer may cost: memory for what it sends, threads and processor time for what it leaves idle."""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
import threading
from collections.abc import Callable

import pytest
from pydicom.dataset import Dataset
from pynetdicom.sop_class import ModalityPerformedProcedureStep

from interfaces.dicom.models import Rejection
from interfaces.dicom.upper_layer import association as upper_layer
from ris.audit.models import AuditEvent
from ris.kernel.clock import now
from ris.orders.models import PerformedStep
from tests.factories import make_order
from tests.interfaces.dicom.conftest import running
from tests.interfaces.dicom.many import many_steps
from tests.interfaces.dicom.mpps.test_reporting_exams_by_mpps import begun, create, ended, set_
from tests.interfaces.dicom.raw import RawScanner, identifier
from tests.interfaces.dicom.scu import STEP, findscu, mpps

pytestmark = pytest.mark.once

MPPS = str(ModalityPerformedProcedureStep)
LIMITS = "interfaces.dicom.upper_layer.message_exchange."


def _begin_n_create(scanner: RawScanner) -> None:
    """Send the command of an N-CREATE; its dataset is to follow."""
    scanner.message_id += 1
    scanner.sock.sendall(scanner._values(scanner._command(0x0140, scanner.message_id, dataset=True), 1, 16000))


def _values(scanner: RawScanner, data: bytes) -> bytes:
    """Data values of a dataset that does not end here."""
    return struct.pack(">BBLLBB", 4, 0, len(data) + 6, len(data) + 2, 1, 0) + data


def _unit_after(scanner: RawScanner, send: Callable[[], None]) -> int:
    try:
        for _ in range(400):
            send()
    except OSError:  # hung up on, as it should be
        pass
    return scanner.unit()[0]


def test_a_dataset_without_end_is_aborted_and_audited(
    dicom: int, eventually: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LIMITS + "MAX_DATASET_BYTES", 1_000_000)
    scanner = RawScanner(dicom, sop_class=MPPS)
    _begin_n_create(scanner)
    part = _values(scanner, bytes(100_000))

    assert _unit_after(scanner, lambda: scanner.sock.sendall(part)) == 7  # A-ABORT

    assert eventually(lambda: Rejection.objects.filter(calling_ae="CT1", reason="dataset too long").first())
    assert AuditEvent.objects.get(action="association.abort").reason == "dataset too long"


def test_a_query_may_not_be_as_long_as_an_mpps(dicom: int, eventually: Callable[..., object]) -> None:
    scanner = RawScanner(dicom)
    scanner.sock.sendall(scanner.find_message(bytes(70_000)))
    assert scanner.unit()[0] == 7
    assert eventually(lambda: Rejection.objects.filter(reason="dataset too long").first())


def test_bytes_that_wait_are_limited_for_all_associations_together(
    dicom: int, eventually: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The association that holds most of them is ended, so that a small message is never refused for others."""
    monkeypatch.setattr("interfaces.dicom.upper_layer.acceptor.MAX_HELD_BYTES", 1_500_000)
    greedy, modest = (RawScanner(dicom, calling=title, sop_class=MPPS) for title in ("CT8", "CT9"))
    for scanner, count in ((modest, 1), (greedy, 14)):
        _begin_n_create(scanner)
        for _ in range(count):
            scanner.sock.sendall(_values(scanner, bytes(100_000)))
    modest.sock.sendall(_values(modest, bytes(100_000)))

    assert greedy.unit()[0] == 7
    assert eventually(lambda: Rejection.objects.filter(calling_ae="CT8").first())
    placed = make_order(at=now())
    association = mpps(dicom)
    assert create(association, begun(placed.procedures.get()))[0] == 0x0000
    association.release()
    assert not Rejection.objects.filter(calling_ae="CT9").exists()
    modest.sock.close()


def test_a_large_mpps_arrives_whole(dicom: int) -> None:
    placed = make_order(at=now())
    images = []
    for number in range(4000):
        image = Dataset()
        image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"2.25.{number}"
        images.append(image)
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedImageSequence = "2.25.1", images
    association = mpps(dicom)
    _, uid = create(association, begun(placed.procedures.get()))
    assert set_(association, ended(PerformedSeriesSequence=[series]), uid).Status == 0x0000
    association.release()
    assert PerformedStep.objects.get().series[0]["images"] == 4000


def test_idle_mpps_associations_cost_no_thread(dicom: int) -> None:
    make_order(at=now())
    before = threading.active_count()
    idle = [RawScanner(dicom, sop_class=MPPS) for _ in range(60)]
    assert {scanner.kind for scanner in idle} == {2}
    assert threading.active_count() <= before + 1
    assert len(findscu(dicom, STEP + "ScheduledStationAETitle=CT1")) == 1
    for scanner in idle:
        scanner.close()


def test_what_a_peer_does_not_read_is_not_drawn(dicom: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers wait in the socket, not in memory: the next query of a peer that does not read is not begun."""
    most = [0]
    write = upper_layer.Association.write

    def measured(self: upper_layer.Association, data: bytes) -> None:
        write(self, data)
        most[0] = max(most[0], self.transport.get_write_buffer_size())

    monkeypatch.setattr(upper_layer.Association, "write", measured)
    many_steps(300, at=now())
    asked = identifier(ScheduledStationAETitle="CT1")
    deaf = RawScanner(dicom)
    deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    size = sum(len(data or b"") for _, data in deaf.find(asked))
    for _ in range(15):
        deaf.send_find(asked)
    reader = RawScanner(dicom)
    for _ in range(3):
        assert len(reader.find(asked)) == 301
    assert most[0] < 3 * size
    for _ in range(15):
        assert len(deaf.answers()) == 301
    deaf.close()
    reader.close()


def test_connections_leave_descriptors_to_others(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest silent connection makes room: a scanner gets in however many say nothing."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (60, 60))
    serving = running()
    port = next(serving)
    make_order(at=now())
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    scanner = RawScanner(port)
    assert len(scanner.find(identifier(ScheduledStationAETitle="CT1"))) == 2
    silent[0].settimeout(10)
    with contextlib.suppress(ConnectionResetError):  # as good
        assert silent[0].recv(1) == b""
    scanner.close()
    for sock in silent:
        sock.close()
    serving.close()
