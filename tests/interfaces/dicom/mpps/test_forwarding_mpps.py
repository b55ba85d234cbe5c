from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, evt
from pynetdicom.sop_class import ModalityPerformedProcedureStep as MPPS

from interfaces.dicom.models import MppsForward, MppsTarget
from interfaces.dicom.mpps.forwarding import QUEUE, send_forwards
from interfaces.dicom.mpps.services import apply_changes, start_from_mpps
from interfaces.dicom.upper_layer.admission import Caller
from ris.kernel.models import Alarm
from tests.factories import NOON, make_order
from tests.interfaces.dicom.mpps.test_reporting_exams_by_mpps import begun, ended
from tests.racing import race

pytestmark = pytest.mark.django_db
SCANNER = Caller(ae_title="CT1", address="127.0.0.1", time_zone="America/Chicago")


class Manager:
    """Another PPS manager. ``status`` is what it answers."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.status = 0x0000
        self.set_answer: Dataset | None = None
        self.ae = AE(ae_title="OTHER")
        self.ae.add_supported_context(MPPS)
        handlers: list[Any] = [(evt.EVT_N_CREATE, self._create), (evt.EVT_N_SET, self._set)]
        self.server = self.ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self.server.server_address[1]

    def _create(self, event: evt.Event) -> tuple[int, Dataset]:
        self.heard.append(("create", event.attribute_list.PerformedProcedureStepStatus))
        return self.status, Dataset()

    def _set(self, event: evt.Event) -> tuple[int | Dataset, Dataset]:
        self.heard.append(("set", event.modification_list.PerformedProcedureStepStatus))
        return self.set_answer or self.status, Dataset()


@pytest.fixture
def manager() -> Iterator[Manager]:
    made = Manager()
    yield made
    made.server.shutdown()


@pytest.fixture
def exam() -> Callable[[], str]:
    def perform() -> str:
        uid = generate_uid()
        start_from_mpps(uid, begun(make_order().procedures.get()), SCANNER, at=NOON)
        apply_changes(uid, ended(), "COMPLETED", SCANNER, at=NOON)
        return uid

    return perform


def target(port: int, **fields: Any) -> MppsTarget:
    return MppsTarget.objects.create(name="other", ae_title="OTHER", host="127.0.0.1", port=port, **fields)


def test_what_a_device_tells_is_told_on_in_order(manager: Manager, exam: Callable[[], str]) -> None:
    target(manager.port)
    exam()
    assert send_forwards(at=NOON) == 2
    assert manager.heard == [("create", "IN PROGRESS"), ("set", "COMPLETED")]
    assert send_forwards(at=NOON) == 0


def test_a_target_that_is_away_is_tried_until_it_is_back(manager: Manager, exam: Callable[[], str]) -> None:
    away = target(9)
    exam()
    at = NOON
    for _ in range(20):  # a day and more of nobody at home
        assert send_forwards(at=at) == 0
        at += timedelta(hours=1)
    assert Alarm.objects.filter(kind="mpps-forward", cleared_at=None).count() == 1
    assert set(MppsForward.objects.values_list("state", flat=True)) == {"owed"}

    MppsTarget.objects.filter(pk=away.pk).update(port=manager.port)
    assert send_forwards(at=at) == 2
    assert manager.heard == [("create", "IN PROGRESS"), ("set", "COMPLETED")]
    assert not Alarm.objects.filter(kind="mpps-forward", cleared_at=None).exists()


def test_a_refusal_holds_what_comes_after_it(manager: Manager, exam: Callable[[], str]) -> None:
    target(manager.port)
    manager.status = 0x0110
    exam()
    send_forwards(at=NOON)
    send_forwards(at=NOON)
    assert manager.heard == [("create", "IN PROGRESS")]
    assert MppsForward.objects.first().error == "answered with status 0110"


def test_a_duplicate_means_that_it_was_told_before(manager: Manager, exam: Callable[[], str]) -> None:
    target(manager.port)
    exam()
    manager.status = 0x0111
    send_forwards(at=NOON)
    assert MppsForward.objects.filter(creates=True, state="sent").count() == 1


def test_nothing_is_queued_for_a_target_that_is_off(exam: Callable[[], str]) -> None:
    target(9, enabled=False)
    exam()
    assert not MppsForward.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_several_workers_one_sends_each_message_and_the_order_stays(
    manager: Manager, exam: Callable[[], str]
) -> None:
    target(manager.port)
    exam()
    outcomes = race(4, lambda n: send_forwards(at=NOON))
    assert all(isinstance(sent, int) for sent in outcomes), outcomes
    send_forwards(at=NOON)
    assert manager.heard == [("create", "IN PROGRESS"), ("set", "COMPLETED")]


def test_what_a_killed_worker_had_is_sent_once_its_claim_is_over(manager: Manager, exam: Callable[[], str]) -> None:
    target(manager.port)
    exam()
    assert QUEUE.claim(MppsForward.objects.earliest("pk"), NOON)  # and then the worker is killed
    assert send_forwards(at=NOON + timedelta(minutes=1)) == 0
    assert send_forwards(at=NOON + QUEUE.claim_timeout) == 2
    assert manager.heard == [("create", "IN PROGRESS"), ("set", "COMPLETED")]


def test_a_message_that_cannot_be_read_keeps_no_other_target_from_its_turn(
    manager: Manager, exam: Callable[[], str]
) -> None:
    broken = target(manager.port)
    exam()
    MppsForward.objects.filter(target=broken, creates=True).update(dataset=b"\x08\x00\x05\x00SQ\x00\x00\xff\xff")
    MppsTarget.objects.create(name="second", ae_title="OTHER", host="127.0.0.1", port=manager.port)
    exam()
    send_forwards(at=NOON)
    assert MppsForward.objects.filter(target__name="second", state="sent").count() == 2
    assert MppsForward.objects.filter(target=broken).earliest("pk").error


def test_a_final_message_that_arrived_before_the_sender_died_is_not_sent_for_ever(
    manager: Manager, exam: Callable[[], str]
) -> None:
    target(manager.port)
    exam()
    over = Dataset()
    over.Status, over.ErrorID = 0x0110, 0xA710
    manager.set_answer = over
    assert send_forwards(at=NOON) == 1  # the N-CREATE; of the N-SET nobody knows yet that it came before
    assert Alarm.objects.filter(kind="mpps-forward", cleared_at=None).exists()
    assert send_forwards(at=NOON + timedelta(minutes=11)) == 1
    assert send_forwards(at=NOON + timedelta(hours=2)) == 0
    assert manager.heard == [("create", "IN PROGRESS"), ("set", "COMPLETED"), ("set", "COMPLETED")]
    assert set(MppsForward.objects.values_list("state", flat=True)) == {"sent"}
    assert not Alarm.objects.filter(kind="mpps-forward", cleared_at=None).exists()
