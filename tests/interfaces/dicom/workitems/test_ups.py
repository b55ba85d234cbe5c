"""UPS-RS as a client sees it: create, search, claim, lock, complete, cancel; and who may not see it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from pydicom.dataset import Dataset

from interfaces.dicom.models import Workitem, WorkitemEvent
from ris.people.models import User
from ris.people.roles import Role
from ris.people.services import issue_token
from tests.factories import NOON, TESTER, SiteFactory, make_order, make_user
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db
UID, LOCK = "2.25.1001", "2.25.77"
JSON = "application/dicom+json"
GLOBAL = "1.2.840.10008.5.1.4.34.5"


class Performer:
    """A client of UPS-RS with a bearer token."""

    def __init__(self, user: User) -> None:
        token = issue_token(user, label="ai", actor=TESTER, at=NOON)
        self.authorization = {"Authorization": f"Bearer {token}"}
        self.client = Client(headers={"Authorization": f"Bearer {token}", "Accept": JSON})

    def send(self, method: str, where: str, dataset: Any = None) -> Any:
        """The answer to a dataset in DICOM JSON."""
        body = (
            "" if dataset is None else json.dumps([dataset.to_json_dict() if isinstance(dataset, Dataset) else dataset])
        )
        return getattr(self.client, method)(f"/dicom-web/{where}", body, content_type=JSON)

    def get(self, where: str) -> Any:
        """The answer to GET."""
        return self.client.get(f"/dicom-web/{where}")

    def found(self, query: str) -> list[str]:
        """UIDs that a search finds, read by pydicom."""
        answer = self.get(f"workitems?{query}")
        if answer.status_code == 204:
            return []
        assert (answer.status_code, answer["Content-Type"]) == (200, JSON), answer.content
        return [str(Dataset.from_json(one).SOPInstanceUID) for one in answer.json()]

    def claim(self, uid: str = UID, lock: str = LOCK, state: str = "IN PROGRESS") -> int:
        """The status of a change of state."""
        return int(self.send("put", f"workitems/{uid}/state", move(state, lock)).status_code)


def move(state: str, lock: str = "") -> Dataset:
    dataset = Dataset()
    dataset.ProcedureStepState = state
    if lock:
        dataset.TransactionUID = lock
    return dataset


def scheduled(study_uid: str, **more: Any) -> Dataset:
    """A workitem as an image manager pushes it."""
    dataset, request = Dataset(), Dataset()
    dataset.ProcedureStepLabel, dataset.WorklistLabel = "Lung nodules", "CAD"
    dataset.ScheduledProcedureStepPriority, dataset.InputReadinessState = "MEDIUM", "READY"
    dataset.ScheduledProcedureStepStartDateTime = "20260310120000"
    dataset.PatientName, dataset.PatientID = "ZZTEST^UPS", "U1"
    request.StudyInstanceUID = study_uid
    dataset.ReferencedRequestSequence = [request]
    for name, value in more.items():
        setattr(dataset, name, value)
    return dataset


def performed() -> Dataset:
    dataset, step = Dataset(), Dataset()
    step.PerformedProcedureStepStartDateTime, step.PerformedProcedureStepEndDateTime = (
        "20260310120000",
        "20260310120100",
    )
    dataset.UnifiedProcedureStepPerformedProcedureSequence = [step]
    return dataset


@pytest.fixture
def performer() -> Performer:
    return Performer(make_reader("ai"))


@pytest.fixture
def study_uid() -> str:
    return make_order().procedures.get().study_uid


@pytest.fixture
def made(performer: Performer, study_uid: str) -> Performer:
    answer = performer.send("post", f"workitems?{UID}", scheduled(study_uid))
    assert (answer.status_code, answer["Location"]) == (201, f"http://testserver/dicom-web/workitems/{UID}"), (
        answer.content
    )
    return performer


def test_a_workitem_is_claimed_worked_at_under_its_lock_and_completed(made: Performer) -> None:
    assert made.claim(state="COMPLETED") == 409  # nobody claimed it
    assert made.claim() == 200
    assert made.claim(lock="2.25.78") == 409
    read = Dataset.from_json(made.get(f"workitems/{UID}").json()[0])
    assert (read.ProcedureStepState, read.SOPClassUID) == ("IN PROGRESS", "1.2.840.10008.5.1.4.34.6.1")
    assert "TransactionUID" not in read and LOCK not in made.get("workitems?PatientID=U1").content.decode()
    assert made.send("post", f"workitems/{UID}", performed()).status_code == 409
    assert made.claim(state="COMPLETED") == 409  # nothing says what was performed
    assert made.send("post", f"workitems/{UID}?transaction-uid={LOCK}", performed()).status_code == 200
    assert made.claim(lock="2.25.78", state="COMPLETED") == 409
    assert made.claim(state="COMPLETED") == 200
    again = made.send("put", f"workitems/{UID}/state", move("COMPLETED", LOCK))
    assert again.status_code == 200 and "already" in again["Warning"]
    assert made.send("post", f"workitems/{UID}?transaction={LOCK}", performed()).status_code == 409


@pytest.mark.parametrize("where", ["body", "transaction", "transaction-uid", "Transaction-uid"])
def test_the_transaction_uid_is_taken_from_where_each_edition_has_it(made: Performer, where: str) -> None:
    query = "" if where == "body" else f"?{where}={LOCK}"
    assert (
        made.send("put", f"workitems/{UID}/state{query}", move("IN PROGRESS", "" if query else LOCK)).status_code == 200
    )
    update = scheduled("1.2", TransactionUID=LOCK) if where == "body" else scheduled("1.2")
    assert made.send("post", f"workitems/{UID}{query}", update).status_code == 200
    assert Workitem.objects.get().transaction_uid == LOCK
    assert (
        made.send("post", f"workitems/{UID}?transaction=2.25.9", scheduled("1", TransactionUID=LOCK)).status_code == 400
    )


@pytest.mark.parametrize(
    "query,fits",
    [
        ("ProcedureStepState=SCHEDULED", True), ("00741000=COMPLETED", False), ("00741202=CAD", True),
        ("WorklistLabel=C*", True), ("ScheduledProcedureStepStartDateTime=20260309-20260310", True),
        ("ScheduledProcedureStepStartDateTime=20260311-", False), ("PatientName=ZZTEST*", True),
        ("ReferencedRequestSequence.StudyInstanceUID={study},1.2.3", True), ("0040A370.0020000D=1.2.3", False),
        ("limit=1&offset=1", False), ("ScheduledProcedureStepPriority=", True),
    ],
)  # fmt: skip
def test_a_search_by_keyword_tag_range_wildcard_and_sequence(
    made: Performer, study_uid: str, query: str, fits: bool
) -> None:
    assert made.found(query.format(study=study_uid)) == ([UID] if fits else [])


def test_what_nobody_began_is_cancelled_and_whoever_works_at_it_is_asked(made: Performer, study_uid: str) -> None:
    made.send("post", "workitems?2.25.1002", scheduled(study_uid))
    assert made.send("post", f"workitems/{GLOBAL}/subscribers/VIEWER").status_code == 201
    assert made.send("post", f"workitems/{UID}/cancelrequest").status_code == 202
    assert Dataset.from_json(made.get(f"workitems/{UID}").json()[0]).ProcedureStepState == "CANCELED"
    assert "already" in made.send("post", f"workitems/{UID}/cancelrequest")["Warning"]
    made.claim("2.25.1002")
    why = Dataset()
    why.ReasonForCancellation = "wrong patient"
    assert made.send("post", "workitems/2.25.1002/cancelrequest/PACS", why).status_code == 202
    assert Workitem.objects.get(uid="2.25.1002").state == "IN PROGRESS"
    told = [(one.workitem.uid, one.event_type) for one in WorkitemEvent.objects.filter(aet="VIEWER").order_by("pk")]
    assert told == [(UID, 1), (UID, 1), ("2.25.1002", 1), ("2.25.1002", 2)]
    assert made.claim("2.25.1002", state="CANCELED") == 200


@pytest.mark.parametrize(
    "change,status",
    [
        ({"ProcedureStepLabel": ""}, 400), ({"ProcedureStepState": "IN PROGRESS"}, 400),
        ({"TransactionUID": LOCK}, 400),
        ({"InputReadinessState": "SOON"}, 400), ({"SOPInstanceUID": UID}, 201),
    ],
)  # fmt: skip
def test_what_is_no_new_workitem_is_refused(performer: Performer, study_uid: str, change: Any, status: int) -> None:
    answer = performer.send("post", "workitems" if "SOPInstanceUID" in change else f"workitems?{UID}",
                            scheduled(study_uid, **change))  # fmt: skip
    assert answer.status_code == status, answer.content
    assert ("Warning" in answer.headers) is (status != 201)
    if status == 201:
        assert performer.send("post", f"workitems?{UID}", scheduled(study_uid)).status_code == 409


def test_a_workitem_of_a_foreign_site_does_not_exist_and_not_everybody_works_at_one(made: Performer) -> None:
    stranger = Performer(make_reader("stranger", sites=(SiteFactory(code="south"),)))
    assert (stranger.get(f"workitems/{UID}").status_code, stranger.found(""), stranger.claim()) == (404, [], 404)
    assert stranger.send("post", f"workitems/{UID}/subscribers/X").status_code == 404
    desk = Performer(make_user("desk", Role.SCHEDULER, sites=(SiteFactory(),)))
    assert (desk.get("workitems").status_code, desk.claim()) == (403, 403)
    assert Client().get("/dicom-web/workitems").status_code == 401
    made.send("post", f"workitems/{GLOBAL}/subscribers/VIEWER")
    thief = Performer(make_reader("thief"))
    assert thief.send("post", f"workitems/{GLOBAL}/subscribers/VIEWER").status_code == 403
    assert made.send("post", f"workitems/{GLOBAL}/subscribers/VIEWER/suspend").status_code == 200
    assert made.send("delete", f"workitems/{GLOBAL}/subscribers/VIEWER").status_code == 200
    assert made.send("delete", f"workitems/{GLOBAL}/subscribers/VIEWER").status_code == 404
