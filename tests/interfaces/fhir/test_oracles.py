"""Everything that leaves is valid R4, in the eyes of two validators of other people's making."""

from __future__ import annotations

from typing import Any

import pytest

from interfaces.fhir.registry import TYPES
from ris.kernel.clock import now
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from tests.factories import make_order
from tests.interfaces.fhir.asking import BASE, Asking, Json
from tests.interfaces.fhir.oracles import faults
from tests.interfaces.fhir.receiving import told
from tests.interfaces.fhir.test_subscriptions import wanted
from tests.pages.demo_day import begin_day, fill_day

pytestmark = [pytest.mark.django_db, pytest.mark.once]  # 24 s of validators, the same on both databases

REPORT: Json = {
    "resourceType": "DiagnosticReport", "id": "1", "status": "final", "code": {"text": "CT head"},
    "issued": "2026-03-10T12:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"status": "signed"}, {"code": None}, {"effectiveDateTime": "2026-03-10T12:00:00"}, {"result": []},
     {"colour": "red"},
     {"text": {"status": "generated", "div": "<p>no div</p>"}}],
)  # fmt: skip
def test_the_validators_find_what_is_wrong(change: Json) -> None:
    assert faults(REPORT) == []
    broken = {name: value for name, value in (REPORT | change).items() if value is not None}
    assert faults(broken)


def everything(asking: Asking, kind: str) -> list[Json]:
    """All resources of a type, page by page."""
    found, where = [], f"{kind}?_count=100"
    while where:
        bundle = asking.read(where)
        assert faults({name: value[:3] if name == "entry" else value for name, value in bundle.items()}) == []
        found += [entry["resource"] for entry in bundle.get("entry", [])]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        where = following[0].partition(f"{BASE}/")[2] if following else ""
    return found


def test_every_resource_of_a_full_day_is_valid() -> None:
    day = begin_day(now())
    fill_day(day)
    asking = Asking(User.objects.create_superuser("root"))
    body = wanted("order-changed", filter="ServiceRequest?priority=stat", payload="full-resource")
    body["channel"]["type"] = "websocket"
    pk = asking.send("post", "Subscription", body).json()["id"]
    make_order(at=now(), priority="STAT")
    deliver_owed(at=now())
    wrong: list[str] = faults(asking.read(f"Subscription/{pk}/$events"))
    assert told(asking.read(f"Subscription/{pk}/$events"))["events"]
    for kind in TYPES:
        resources = everything(asking, kind)
        assert resources, f"The day has no {kind}."
        wrong += [fault for resource in resources for fault in faults(resource)]
        wrong += faults(asking.read(f"{kind}/{resources[0]['id']}"))
    assert wrong == []


@pytest.mark.parametrize("where,status", [("metadata", 200), ("Patient/7777777", 404), ("Patient?birthdate=x", 400),
                                          ("Patient?_format=xml", 406), ("Patient?shoe=1", 200)])  # fmt: skip
def test_what_is_said_about_itself_is_valid(where: str, status: int) -> None:
    asking = Asking(User.objects.create_superuser("root"))
    answer: Any = asking.read(where, status)
    assert faults(answer) == []
    assert [fault for entry in answer.get("entry", []) for fault in faults(entry["resource"])] == []
