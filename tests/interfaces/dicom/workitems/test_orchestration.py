"""AI orchestration: an exam becomes work, its result ends it, and a case that waits is opened in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from interfaces.dicom.models import AiAlgorithm, Workitem
from interfaces.dicom.workitems.dataset import READINESS, text_at
from interfaces.dicom.workitems.orchestration import cancel_all_overdue
from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.kernel.relay import deliver_owed
from ris.orders.models import RequestedProcedure
from ris.orders.services import note_images
from ris.people.roles import Role
from tests.factories import SiteFactory, make_order, perform
from tests.interfaces.fhir.asking import Asking, Json
from tests.worklist.reading import make_reader
from worklist.models import AiFlag, ReadingItem

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def algorithm(**more: Any) -> AiAlgorithm:
    said = {"name": "Bleed-AI", "label": "BLEED", "code": "110004", "code_meaning": "Computer Aided Diagnosis",
            "modalities": ["CT"], "regions": ["HEAD"]}  # fmt: skip
    return AiAlgorithm.objects.create(**said | more)


def completed(**order: Any) -> RequestedProcedure:
    procedure = make_order(at=now() - 30 * MINUTE, **order).procedures.get()
    perform(procedure, at=now() - 20 * MINUTE)
    deliver_owed(at=now())
    return procedure


def result(procedure: RequestedProcedure) -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "basedOn": [{"reference": f"ServiceRequest/{procedure.pk}"}],
        "code": {"coding": [{"code": "BLEED"}]},
        "device": {"display": "Bleed-AI"},
        "valueBoolean": True,
        "effectiveDateTime": now().isoformat(),
    }


def test_an_exam_becomes_one_workitem_of_each_algorithm_whose_rule_fits() -> None:
    algorithm()
    algorithm(name="Knee-AI", regions=["KNEE"])
    algorithm(name="Off-AI", enabled=False)
    procedure = completed()
    deliver_owed(at=now())
    item = Workitem.objects.get()
    assert (item.procedure_id, item.label, item.state, text_at(item.dataset, READINESS)) == (
        procedure.pk, "BLEED", "SCHEDULED", "INCOMPLETE")  # fmt: skip
    assert ReadingItem.objects.filter(procedure=procedure).exists()  # it does not wait
    note_images(procedure.study_uid, instances=9, complete=True, actor=Actor.job("pacs"), at=now())
    deliver_owed(at=now())
    assert text_at(item.reread().dataset, READINESS) == "READY"


def test_a_case_that_waits_is_opened_by_the_result_over_fhir_which_completes_the_work() -> None:
    algorithm(waits=True)
    procedure = completed()
    assert not ReadingItem.objects.exists()
    asking = Asking(make_reader("ai"))
    answer = asking.send("post", "Observation", result(procedure))
    assert answer.status_code == 201, answer.content
    assert Workitem.objects.get().state == "COMPLETED"
    assert AiFlag.objects.get().item == ReadingItem.objects.get(procedure=procedure)
    assert asking.send("post", "Observation", result(procedure)).status_code == 201  # another result of the same exam
    assert Workitem.objects.count() == 1


def test_a_stat_case_does_not_wait_and_others_no_longer_than_they_may() -> None:
    algorithm(waits=True, expires_minutes=30)
    assert ReadingItem.objects.filter(procedure=completed(priority="STAT")).exists()
    procedure = completed()
    assert not ReadingItem.objects.filter(procedure=procedure).exists()
    assert cancel_all_overdue(at=now() + 5 * MINUTE) == 0
    cancel_all_overdue(at=now() + 31 * MINUTE)
    assert ReadingItem.objects.filter(procedure=procedure).exists()
    assert set(Workitem.objects.values_list("state", flat=True)) == {"CANCELED"}


def test_a_report_of_a_device_is_taken_finding_by_finding() -> None:
    algorithm()
    procedure = completed()
    asking = Asking(make_reader("ai"))
    finding = {name: value for name, value in result(procedure).items() if name not in ("basedOn", "device")}
    report = {
        "resourceType": "DiagnosticReport",
        "status": "preliminary",
        "code": {"text": "Head CT triage"},
        "basedOn": [{"reference": f"ServiceRequest/{procedure.pk}"}],
        "contained": [
            {"resourceType": "Device", "id": "ai", "deviceName": [{"name": "Bleed-AI", "type": "model-name"}]},
            {**finding, "id": "a", "device": {"reference": "#ai"}},
            {**finding, "id": "b", "device": {"reference": "#ai"}, "valueBoolean": False,
             "code": {"coding": [{"code": "SHIFT"}]}},
        ],
        "result": [{"reference": "#a"}, {"reference": "#b"}],
    }  # fmt: skip
    answer = asking.send("post", "DiagnosticReport", report)
    assert answer.status_code == 201, answer.content
    assert answer["Location"].endswith(f"/Observation/{AiFlag.objects.order_by('pk').first().pk}")  # type: ignore[union-attr]
    flags = AiFlag.objects.order_by("pk").values_list("vendor", "code", "positive")
    assert list(flags) == [("Bleed-AI", "BLEED", True), ("Bleed-AI", "SHIFT", False)]
    assert Workitem.objects.get().state == "COMPLETED"
    human = report | {"contained": [{**finding, "id": "a"}], "result": [{"reference": "#a"}]}
    refused = asking.send("post", "DiagnosticReport", human)
    assert (refused.status_code, AiFlag.objects.count()) == (400, 2)


def test_the_page_shows_work_and_rules_and_a_lead_cancels_what_keeps_a_case_waiting(client: Any) -> None:
    algorithm(waits=True)
    procedure = completed()
    item = Workitem.objects.get()
    client.force_login(make_reader("lead", role=Role.LEAD))
    text = client.get("/workitems/").content.decode()
    assert "BLEED" in text and procedure.order.accession in text and "after it, STAT at once" in text
    assert client.post(f"/workitems/{item.pk}/cancel/", {"reason": ""}).status_code == 400
    client.post(f"/workitems/{item.pk}/cancel/", {"reason": "its maker is down"})
    assert item.reread().state == "CANCELED"
    assert ReadingItem.objects.filter(procedure=procedure).exists()
    client.force_login(make_reader("far", role=Role.LEAD, sites=(SiteFactory(code="south"),)))
    assert procedure.order.accession not in client.get("/workitems/").content.decode()
    assert client.post(f"/workitems/{item.pk}/cancel/", {"reason": "x"}).status_code == 404
