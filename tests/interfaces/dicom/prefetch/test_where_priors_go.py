"""Destinations of sites and readers, the hook over HTTP, and limits; without an archive of images."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from interfaces.dicom import states
from interfaces.dicom.models import Archive, Prefetch, PriorDestination, PriorMove
from interfaces.dicom.prefetch import worker
from interfaces.dicom.prefetch.worker import MOVES, run_due
from interfaces.dicom.scu.query_retrieve import FoundStudy
from ris.audit.services import Actor
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order, RequestedProcedure
from ris.orders.services import cancel_order
from ris.people.roles import Role
from tests.factories import NOON, TESTER, PatientFactory, SiteFactory, make_order, make_user, perform
from tests.racing import race
from worklist.models import PriorPlan, ReadingItem
from worklist.services import claim

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


class Hook:
    """An archive's gateway that is asked over HTTP; ``status`` is what it answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.status = 202
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.asked.append(json.loads(body))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/fetch"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(autouse=True)
def holdings(monkeypatch: pytest.MonkeyPatch) -> list[FoundStudy]:
    """What every archive says that it has of everybody: head CTs."""
    studies = [head("1.2.3")]
    monkeypatch.setattr(worker, "find_studies", lambda archive, **keys: studies)
    return studies


def head(uid: str) -> FoundStudy:
    return FoundStudy(uid, NOON.date() - timedelta(days=200), "CT HEAD", ("CT",), 100)


def make_archive(hook: Hook, **fields: object) -> Archive:
    said = {"host": "192.0.2.1", "ae_title": "OLD", "destination": "READING", "move_hook": hook.url}
    return Archive.objects.create(name="archive", **(said | fields))


def ordered(**said: object) -> Order:
    order = make_order(at=NOON, priority="STAT", **said)
    deliver_owed(at=NOON)
    return order


def moves() -> list[tuple[str, str]]:
    return list(PriorMove.objects.order_by("pk").values_list("destination", "state"))


def test_a_hook_is_asked_with_the_study_and_where_it_is_wanted(hook: Hook) -> None:
    make_archive(hook)
    ordered()
    run_due(at=NOON)
    assert hook.asked == [{"study_uid": "1.2.3", "destination": "READING"}]
    assert moves() == [("READING", states.MOVED)]
    assert PriorPlan.objects.get().state == PriorPlan.FETCHED


def test_a_hook_that_fails_is_asked_again_and_in_the_end_the_prior_is_missed(hook: Hook) -> None:
    make_archive(hook)
    ordered()
    hook.status = 503
    run_due(at=NOON)
    waiting = PriorMove.objects.get()
    assert (waiting.state, waiting.error) == (states.QUEUED, "the move hook failed (HTTPStatusError)")
    assert run_due(at=NOON) == 0 and len(hook.asked) == 1  # not before its time
    for hour in range(1, MOVES.most_attempts):
        run_due(at=NOON + timedelta(hours=hour))
    assert moves() == [("READING", states.MISSED)]
    assert PriorPlan.objects.get().state == PriorPlan.FAILED
    assert Alarm.objects.filter(kind="prior-missed", cleared_at=None).exists()


def test_a_hook_that_is_back_brings_it_after_all(hook: Hook) -> None:
    archive = make_archive(hook, move_hook="http://127.0.0.1:9/fetch")
    ordered()
    run_due(at=NOON)
    assert PriorMove.objects.get().error == "the move hook failed (ConnectError)"
    Archive.objects.filter(pk=archive.pk).update(move_hook=hook.url)
    run_due(at=NOON + timedelta(minutes=1))
    assert moves() == [("READING", states.MOVED)]


def test_a_site_may_have_a_place_of_its_own(hook: Hook) -> None:
    make_archive(hook, destination="")
    ordered()
    assert not Prefetch.objects.exists()  # nowhere to bring them
    PriorDestination.objects.create(site=SiteFactory(), ae_title="NORTHPACS")
    ordered()
    run_due(at=NOON)
    assert moves() == [("NORTHPACS", states.MOVED)]


def test_a_reader_with_a_workstation_gets_them_there_too_when_the_case_is_theirs(hook: Hook) -> None:
    make_archive(hook)
    procedure = ordered().procedures.get()
    run_due(at=NOON)
    reader = make_user("rada", Role.RADIOLOGIST, sites=(SiteFactory(),))
    PriorDestination.objects.create(reader=reader, ae_title="RADA_WS")
    perform(procedure)
    deliver_owed(at=LATER)
    claim(ReadingItem.objects.get().pk, reader=reader, actor=Actor.of_user(reader), at=LATER)
    deliver_owed(at=LATER)
    run_due(at=LATER)
    assert moves() == [("READING", states.MOVED), ("RADA_WS", states.MOVED)]
    assert hook.asked[-1] == {"study_uid": "1.2.3", "destination": "RADA_WS"}


def test_a_cancelled_order_leaves_a_move_to_another_that_wants_it(hook: Hook) -> None:
    make_archive(hook, quiet_from="00:00", quiet_until="23:59")
    patient = PatientFactory()
    first, second = (make_order(patient=patient, at=NOON) for _ in range(2))
    deliver_owed(at=NOON)
    run_due(at=NOON)
    assert moves() == [("READING", states.QUEUED)]
    for order, left in ((first, states.QUEUED), (second, states.STOPPED)):
        cancel_order(order.pk, reason="not needed", actor=TESTER, at=NOON)
        deliver_owed(at=NOON)
        assert moves() == [("READING", left)]


def test_an_archive_moves_no_more_at_once_than_it_may(hook: Hook, holdings: list[FoundStudy]) -> None:
    archive = make_archive(hook, most_at_once=1)
    holdings.append(head("1.2.4"))
    ordered()
    run_due(at=NOON, limit=0)
    wish = Prefetch.objects.get()
    PriorMove.objects.create(
        archive=archive, prefetch=wish, study_uid="1.2.9", destination="READING", state=states.MOVING, score=1,
        due_at=NOON + MOVES.claim_timeout,
    )  # fmt: skip
    assert run_due(at=NOON) >= 0 and hook.asked == []
    PriorMove.objects.filter(study_uid="1.2.9").update(state=states.MOVED)
    run_due(at=NOON)
    assert len(hook.asked) == 2


def test_urgent_ones_go_first(hook: Hook, holdings: list[FoundStudy]) -> None:
    make_archive(hook)
    make_order(patient=PatientFactory(), at=NOON)
    deliver_owed(at=NOON)
    Archive.objects.update(most_at_once=0)
    run_due(at=NOON)
    holdings[:] = [head("1.2.8")]
    ordered()
    run_due(at=NOON)
    Archive.objects.update(most_at_once=1)
    run_due(at=NOON)
    assert [one["study_uid"] for one in hook.asked] == ["1.2.8", "1.2.3"]


@pytest.mark.django_db(transaction=True)
def test_several_workers_together_keep_the_limit(hook: Hook) -> None:
    archive = make_archive(hook, most_at_once=2)
    procedure: RequestedProcedure = make_order(at=NOON).procedures.get()
    wish = Prefetch.objects.create(procedure=procedure, archive=archive, due_at=NOON, created_at=NOON, state="searched")
    PriorMove.objects.bulk_create(
        PriorMove(archive=archive, prefetch=wish, study_uid=f"1.2.{n}", destination="X", state=states.QUEUED, score=1,
                  due_at=NOON)
        for n in range(6)
    )  # fmt: skip
    race(6, lambda _: worker._begin(archive, NOON))
    assert PriorMove.objects.filter(state=states.MOVING).count() == 2
