"""The worklist and reports over REST, as a program uses them."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from ris.audit.models import AuditEvent
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import SiteFactory, make_user
from tests.worklist.reading import make_item, make_reader
from worklist.models import ReadingItem

pytestmark = pytest.mark.django_db


def client(user: User) -> APIClient:
    found = APIClient()
    found.force_authenticate(user)
    return found


def call(user: User, path: str, **body: Any) -> Any:
    return client(user).post(f"/api/worklist/{path}/", body)


def test_the_road_from_next_case_to_a_signed_report() -> None:
    reader, item = make_reader(), make_item(priority="STAT")
    path = f"/api/worklist/{item.pk}/report/"
    assert client(reader).get(path).status_code == 404
    given = call(reader, "next")
    assert given.status_code == 200
    assert given.json()["id"] == item.pk
    assert given.json()["rvu"] == 0.85
    assert set(given.json()["terms"]) == {"class", "reading time", "time left", "lateness", "too late", "rules"}
    begun = client(reader).get(path).json()
    assert (begun["state"], begun["revision"], begun["findings"]) == ("draft", 0, "")
    draft = client(reader).put(path, {"revision": 0, "findings": "Left {side}.", "impression": "Normal."})
    assert (draft.status_code, draft.json()["revision"]) == (200, 1)
    assert draft.json()["remarks"][0]["check"] == "unfilled field"
    refused = call(reader, f"{item.pk}/report/sign", revision=1)
    assert (refused.status_code, refused.json()["code"]) == (400, "check:unfilled field")
    signed = call(reader, f"{item.pk}/report/sign", revision=1, overrides={"unfilled field": "meant so"})
    assert signed.status_code == 201
    assert call(reader, "next").status_code == 204
    report = draft.json()["id"]
    added = client(reader).post(f"/api/reports/{report}/addendum/", {"text": "More."})
    assert added.status_code == 201
    versions = client(reader).get(f"/api/reports/{report}/versions/").json()
    assert [v["kind"] for v in versions] == ["final", "addendum"]
    assert AuditEvent.objects.filter(action="report.view", user=reader).exists()


def test_somebody_elses_claim_is_a_conflict_with_words() -> None:
    one, two, item = make_reader("one"), make_reader("two"), make_item()
    assert call(one, f"{item.pk}/claim").status_code == 200
    refused = call(two, f"{item.pk}/claim")
    assert refused.status_code == 409
    assert refused.json()["code"] == "conflict"
    taken = call(two, f"{item.pk}/take-over", reason="end of shift")
    assert taken.json()["reader"] == two.pk
    assert call(one, f"{item.pk}/heartbeat").json() == {"held": False, "lease_until": None}
    assert call(two, f"{item.pk}/heartbeat").json()["held"]


def test_a_take_over_without_a_reason_is_invalid() -> None:
    item = make_item()
    assert call(make_reader(), f"{item.pk}/take-over").status_code == 400


def test_lists_show_only_what_is_at_the_callers_sites() -> None:
    make_item()
    near, far = make_reader("near"), make_reader("far", sites=(SiteFactory(code="south"),))
    assert client(near).get("/api/worklist/").json()["count"] == 1
    assert client(near).get("/api/worklist/", {"list": "mine"}).json()["count"] == 0
    assert client(near).get("/api/worklist/", {"list": "nonsense"}).status_code == 400
    assert client(far).get("/api/worklist/").json()["count"] == 0
    assert client(near).get("/api/worklist/counts/").json()["all"] == {"items": 1, "stat": 0}


@pytest.mark.parametrize("role", [Role.SCHEDULER, Role.TECHNOLOGIST, Role.ANALYST, Role.REFERRER])
def test_other_roles_are_refused_everywhere(role: Role) -> None:
    item = make_item()
    user = make_user("other", role, sites=(SiteFactory(),))
    assert client(user).get("/api/worklist/").status_code == 403
    assert client(user).get(f"/api/worklist/{item.pk}/").status_code == 403
    for path in ("next", f"{item.pk}/claim", f"{item.pk}/heartbeat", f"{item.pk}/report/sign"):
        assert call(user, path, revision=1).status_code == 403, path
    assert ReadingItem.objects.get().state == "unread"


def test_a_foreign_item_does_not_exist() -> None:
    item = make_item()
    far = make_reader("far", sites=(SiteFactory(code="south"),))
    assert client(far).get(f"/api/worklist/{item.pk}/").status_code == 404
    assert call(far, f"{item.pk}/claim").status_code == 404
    assert client(far).put(f"/api/worklist/{item.pk}/report/", {"revision": 0}).status_code == 404


def test_nobody_gets_in_without_a_token() -> None:
    assert APIClient().get("/api/worklist/").status_code == 401
