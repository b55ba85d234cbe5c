"""Work that is written by FHIR: tasks, appointments, findings and images, each seen where the house keeps it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ris.kernel.clock import now
from ris.orders.models import Order, RequestedProcedure, Study
from ris.people.roles import Role
from tests.factories import DeviceFactory, ProcedureFactory, SiteFactory, make_order, make_user, perform
from tests.interfaces.fhir.asking import Asking, Json, issues
from tests.worklist.reading import make_item, make_reader
from worklist.models import AiFlag, Escalation, ReadingItem

pytestmark = pytest.mark.django_db
EMR = "urn:x-wetread:authority:EMR"


@pytest.fixture
def emr() -> Asking:
    ProcedureFactory()
    site = SiteFactory()
    DeviceFactory(site=site)
    return Asking(make_user("emr", Role.SCHEDULER, sites=(site,)))


def change(asking: Asking, where: str, answered: int = 200, **more: Any) -> Any:
    """PUT what is read, with ``more`` in it."""
    answer = asking.send("put", where, asking.read(where) | more)
    assert answer.status_code == answered, answer.content
    return answer


def test_a_task_is_claimed_and_given_back() -> None:
    reader = make_reader()
    asking, item = Asking(reader), make_item(at=now() - timedelta(minutes=5))
    where = f"Task/{item.procedure_id}"
    assert change(asking, where, status="in-progress").json()["owner"]["reference"] == f"Practitioner/{reader.pk}"
    item.refresh_from_db()
    assert (item.state, item.reader_id) == ("claimed", reader.pk)
    assert asking.ids(f"Task?owner={reader.pk}&business-status=reading") == [item.procedure_id]
    change(asking, where, status="ready", businessStatus={})
    assert ReadingItem.objects.get().state == "unread"
    other = Asking(make_reader("other"))
    change(other, where, status="in-progress")
    refused = change(asking, where, 409, status="ready", businessStatus={})
    assert issues(refused)[0][0] == "conflict"


def test_a_task_follows_the_exam_that_a_technologist_moves() -> None:
    procedure = make_order(at=now()).procedures.get()
    asking = Asking(make_user("tech", Role.TECHNOLOGIST, sites=(SiteFactory(),)))
    for stage, status, state in (
        ("arrived", "in-progress", "arrived"),
        ("acquiring", "in-progress", "started"),
        ("acquired", "in-progress", "completed"),
    ):
        told = change(asking, f"Task/{procedure.pk}", businessStatus={"coding": [{"code": stage}]}).json()
        assert (told["businessStatus"]["coding"][0]["code"], told["status"]) == (stage, status)
        assert procedure.steps.get().state == state
    assert issues(change(asking, f"Task/{procedure.pk}", 400, status="failed", businessStatus={})) == [
        ("invalid", ["Task.status"])
    ]


def test_what_changed_meanwhile_is_not_written_over() -> None:
    procedure = make_order(at=now()).procedures.get()
    asking = Asking(make_user("tech", Role.TECHNOLOGIST, sites=(SiteFactory(),)))
    read = asking.get(f"Task/{procedure.pk}")
    body = read.json() | {"businessStatus": {"coding": [{"code": "arrived"}]}}
    Order.objects.update(priority="STAT")
    late = asking.send("put", f"Task/{procedure.pk}", body, If_Match=read["ETag"])
    assert (late.status_code, issues(late)) == (412, [("conflict", ["If-Match"])])
    fresh = asking.get(f"Task/{procedure.pk}")["ETag"]
    assert asking.send("put", f"Task/{procedure.pk}", body, If_Match=fresh).status_code == 200


def test_an_appointment_is_booked_moved_and_cancelled(emr: Asking) -> None:
    start = (now() + timedelta(days=2)).replace(hour=15)  # by day in Chicago, whenever the test runs
    procedure = make_order(at=start).procedures.get()
    mr = DeviceFactory(ae_title="CT2")
    later = (start + timedelta(hours=3)).replace(microsecond=0)
    participant = [{"actor": {"reference": f"Device/{mr.pk}"}, "status": "accepted"}]
    wanted = {
        "resourceType": "Appointment",
        "status": "booked",
        "start": later.isoformat(),
        "participant": participant,
        "basedOn": [{"reference": f"ServiceRequest/{procedure.pk}"}],
    }
    booked = emr.send("post", "Appointment", wanted)
    assert booked.status_code == 201, booked.content
    step = procedure.steps.get()
    assert (step.start, step.device_id) == (later, mr.pk)
    where = f"Appointment/{booked.json()['id']}"
    change(emr, where, start=(later + timedelta(hours=1)).isoformat())
    assert procedure.steps.get().start == later + timedelta(hours=1)
    told = change(emr, where, status="cancelled", cancelationReason={"text": "No show"}).json()
    assert told["status"] == "cancelled"
    assert procedure.steps.get().state == "cancelled"
    assert RequestedProcedure.objects.get().state == "cancelled"


def finding(procedure_id: int, **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "urn:x-wetread:finding", "code": "ICH"}]},
        "partOf": [{"reference": f"ImagingStudy/{procedure_id}"}],
        "device": {"display": "ZZAI"},
        "valueBoolean": True,
        "component": [{"code": {"text": "score"}, "valueQuantity": {"value": 0.93}}],
    } | more


def test_a_finding_of_an_algorithm_raises_the_case() -> None:
    item = make_item(at=now() - timedelta(minutes=5))
    asking = Asking(make_reader("ai"))
    answer = asking.send("post", "Observation", finding(item.procedure_id))
    assert answer.status_code == 201, answer.content
    flag = AiFlag.objects.get()
    assert (flag.item_id, flag.vendor, flag.code, flag.positive, flag.score) == (item.pk, "ZZAI", "ICH", True, 0.93)
    before, after = item.weight, ReadingItem.objects.get().weight
    assert after > before
    (told,) = asking.found(f"Observation?based-on={item.procedure_id}&code=ICH")
    assert (told["valueBoolean"], told["interpretation"][0]["coding"][0]["code"]) == (True, "POS")
    negative = finding(item.procedure_id, interpretation=[{"coding": [{"code": "NEG"}]}])
    del negative["valueBoolean"]
    assert asking.send("post", "Observation", negative).json()["valueBoolean"] is False
    wrong = asking.send("post", "Observation", finding(7_777_777))
    assert issues(wrong) == [("not-found", ["Observation.partOf"])]


def test_images_become_available_by_fhir() -> None:
    procedure = make_order().procedures.get()
    perform(procedure)
    asking = Asking(make_user("tech", Role.TECHNOLOGIST, sites=(SiteFactory(),)))
    told = change(asking, f"ImagingStudy/{procedure.pk}", status="available", numberOfInstances=40).json()
    assert (told["status"], told["numberOfInstances"]) == ("available", 40)
    study = Study.objects.get(study_uid=procedure.study_uid)
    assert (study.instances, study.procedure_id, study.complete_at is not None) == (40, procedure.pk, True)


def test_a_coordinator_acknowledges_a_communication() -> None:
    lead = make_user("lead", Role.LEAD, sites=(SiteFactory(),))
    row = Escalation.objects.create(item=make_item(at=now() - timedelta(days=1)), rung=3, at=now())
    told = change(Asking(lead), f"Communication/{row.pk}", status="completed").json()
    assert told["recipient"][0]["reference"] == f"Practitioner/{lead.pk}"
    row.refresh_from_db()
    assert row.acknowledged_by_id == lead.pk


def test_a_task_of_a_foreign_site_cannot_be_written() -> None:
    item = make_item(site=SiteFactory(code="south"))
    asking = Asking(make_reader())
    body = {"resourceType": "Task", "id": str(item.procedure_id), "status": "in-progress"}
    assert asking.send("put", f"Task/{item.procedure_id}", body).status_code == 404
    assert ReadingItem.objects.get().state == "unread"
