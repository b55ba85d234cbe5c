"""Against two real Orthanc servers: one is the archive, the other the reader's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from interfaces.dicom import states
from interfaces.dicom.models import Archive, Prefetch, PriorMove
from interfaces.dicom.prefetch.planning import EVENING, request_priors, stop_prefetch
from interfaces.dicom.prefetch.worker import run_due
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.orders.intents import Code, ProcedureIntent, StepIntent
from ris.orders.models import Order
from ris.orders.services import cancel_order
from tests.factories import NOON, TESTER, PatientFactory, make_order
from tests.interfaces.dicom.orthanc import Orthanc, orthanc
from worklist.models import PriorPlan

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Orthanc, Orthanc]]:
    folder = tmp_path_factory.mktemp("orthanc")
    with (
        orthanc("READER", folder) as reader,
        orthanc("ARCHIVE", folder, READER=("127.0.0.1", reader.dicom)) as archive,
    ):
        yield archive, reader


@pytest.fixture(params=["C-FIND", "QIDO-RS"])
def archive(request: pytest.FixtureRequest, servers: tuple[Orthanc, Orthanc]) -> Archive:
    return make_archive(servers[0], dicomweb=f"{servers[0].url}/dicom-web" if request.param == "QIDO-RS" else "")


def make_archive(server: Orthanc, **fields: object) -> Archive:
    said = {"host": "127.0.0.1", "port": server.dicom, "ae_title": server.title, "destination": "READER"}
    return Archive.objects.create(name="archive", **(said | fields))


def ordered(number: str, **said: object) -> Order:
    return make_order(patient=PatientFactory(number=number), at=NOON, **said)


def test_the_relevant_priors_and_only_those_reach_the_reader(
    archive: Archive, servers: tuple[Orthanc, Orthanc], request: pytest.FixtureRequest
) -> None:
    store, reader = servers
    number = f"PRIOR-{request.node.callspec.params['archive']}"
    head = store.store(patient_id=number, StudyDescription="CT HEAD WITHOUT CONTRAST", StudyDate="20250901")
    knee = store.store(patient_id=number, StudyDescription="CT KNEE RIGHT", StudyDate="20260201")
    foreign = store.store(patient_id="SOMEBODY", StudyDescription="CT HEAD", StudyDate="20260201")
    order = ordered(number, priority="STAT")
    deliver_owed(at=NOON)

    run_due(at=NOON)

    assert head in reader.studies()
    assert not {knee, foreign} & reader.studies()
    (moved,) = PriorMove.objects.all()
    assert (moved.study_uid, moved.state, moved.instances) == (head, states.MOVED, 2)
    (plan,) = PriorPlan.objects.filter(procedure=order.procedures.get())
    assert (plan.study_uid, plan.state, plan.prior) == (head, PriorPlan.FETCHED, None)
    assert plan.reasons == ["same region", "same modality"]
    assert Prefetch.objects.get().found == 2


def test_a_study_is_not_moved_twice(servers: tuple[Orthanc, Orthanc]) -> None:
    store, _ = servers
    make_archive(store)
    store.store(patient_id="TWICE", StudyDescription="CT HEAD")
    patient = PatientFactory(number="TWICE")
    for _ in range(2):
        make_order(patient=patient, at=NOON, priority="STAT")
    deliver_owed(at=NOON)
    run_due(at=NOON)
    run_due(at=NOON)
    assert PriorMove.objects.get().attempts == 1
    assert list(PriorPlan.objects.values_list("state", flat=True)) == [PriorPlan.FETCHED] * 2


def test_what_is_there_already_is_at_hand_at_once(servers: tuple[Orthanc, Orthanc]) -> None:
    store, _ = servers
    make_archive(store)
    store.store(patient_id="AGAIN", StudyDescription="CT HEAD")
    patient = PatientFactory(number="AGAIN")
    for hour in range(2):
        make_order(patient=patient, at=NOON + timedelta(hours=hour), priority="STAT")
        deliver_owed(at=NOON + timedelta(hours=hour))
        run_due(at=NOON + timedelta(hours=hour))
    assert PriorMove.objects.get().attempts == 1
    assert list(PriorPlan.objects.values_list("state", flat=True)) == [PriorPlan.FETCHED] * 2


def test_a_planned_exams_priors_wait_for_the_evening_before(servers: tuple[Orthanc, Orthanc]) -> None:
    make_archive(servers[0])
    step = StepIntent(start=NOON + timedelta(days=3))
    ordered("LATER", procedures=(ProcedureIntent(code=Code("CTHEADWO", system="L"), steps=(step,)),))
    deliver_owed(at=NOON)
    assert Prefetch.objects.get().due_at == NOON + timedelta(days=3) - EVENING
    assert run_due(at=NOON) == 0
    assert run_due(at=NOON + timedelta(days=3) - EVENING) == 1


def test_a_cancelled_order_stops_its_prefetch(servers: tuple[Orthanc, Orthanc]) -> None:
    make_archive(servers[0], quiet_from="00:00", quiet_until="23:59")
    servers[0].store(patient_id="CANCEL", StudyDescription="CT HEAD")
    order = ordered("CANCEL")
    deliver_owed(at=NOON)
    run_due(at=NOON)
    assert PriorMove.objects.get().state == states.QUEUED  # routine moves wait for the quiet hours to end
    cancel_order(order.pk, reason="ordered twice", actor=TESTER, at=NOON)
    deliver_owed(at=NOON)
    assert Prefetch.objects.get().state == states.STOPPED
    assert PriorMove.objects.get().state == states.STOPPED
    assert stop_prefetch(order.procedures.get().pk, at=NOON) == 0


def test_stat_moves_in_quiet_hours_and_first(servers: tuple[Orthanc, Orthanc]) -> None:
    make_archive(servers[0], quiet_from="00:00", quiet_until="23:59")
    for number, priority in (("CALM", "ROUTINE"), ("RUSH", "STAT")):
        servers[0].store(patient_id=number, StudyDescription="CT HEAD")
        ordered(number, priority=priority)
    deliver_owed(at=NOON)
    run_due(at=NOON)
    assert dict(PriorMove.objects.values_list("urgent", "state")) == {False: states.QUEUED, True: states.MOVED}
    run_due(at=NOON.replace(hour=23, minute=59))
    assert set(PriorMove.objects.values_list("state", flat=True)) == {states.MOVED}


def test_an_archive_that_is_away_is_asked_again_later(servers: tuple[Orthanc, Orthanc]) -> None:
    archive = make_archive(servers[0], port=9)
    ordered("AWAY", priority="STAT")
    deliver_owed(at=NOON)
    run_due(at=NOON)
    wish = Prefetch.objects.get()
    assert (wish.state, wish.attempts) == (states.WANTED, 1)
    assert "cannot be reached" in wish.error
    assert Alarm.objects.get(kind="archive-unreachable", cleared_at=None).subject == "archive"
    Archive.objects.filter(pk=archive.pk).update(port=servers[0].dicom)
    run_due(at=NOON + timedelta(minutes=1))
    assert Prefetch.objects.get().state == states.SEARCHED
    assert not Alarm.objects.filter(kind="archive-unreachable", cleared_at=None).exists()


def test_a_move_that_fails_is_retried_and_in_the_end_missed(servers: tuple[Orthanc, Orthanc]) -> None:
    make_archive(servers[0], destination="NOWHERE")
    servers[0].store(patient_id="MISSED", StudyDescription="CT HEAD")
    ordered("MISSED", priority="STAT")
    deliver_owed(at=NOON)
    for hour in range(10):
        run_due(at=NOON + timedelta(hours=hour))
    move = PriorMove.objects.get()
    assert (move.state, move.attempts) == (states.MISSED, 8)
    assert Alarm.objects.filter(kind="prior-missed").exists()
    assert PriorPlan.objects.get().state == PriorPlan.FAILED


def test_an_archive_is_asked_under_the_numbers_that_it_knows(servers: tuple[Orthanc, Orthanc]) -> None:
    make_archive(servers[0], authorities=["SOUTH"])
    order = ordered("N1", priority="STAT")
    assert request_priors(order.procedures.get().pk, at=NOON) == 0
    order.patient.identifiers.create(value="S1", authority="SOUTH")
    assert request_priors(order.procedures.get().pk, at=NOON) == 1
