"""Every route of the URL conf, tried by nobody, by every role, and by every role of another site."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from interfaces.hl7.models import Destination, InboundMessage, OutboundMessage
from reporting.models import Report
from reporting.services import save_draft
from ris.audit.services import Actor
from ris.kernel.relay import deliver_owed
from ris.people.roles import Role
from tests.factories import NOON, PatientFactory, SiteFactory, make_order, make_user, perform
from worklist.models import ReadingItem
from worklist.services import claim

CANARY = "ZZCANARY"
OPEN_TO_ALL = (
    "login/",
    "portal/",
    "shared/",
    "lock/state/",
    "api/docs/",
    "api/schema/",
    "healthz",
    "fhir/R4/metadata",
    "fhir/R4/.well-known/",
    "smart/jwks",
    ".well-known/fhircast-configuration",
    "fhircast/.well-known/",
)
"""What somebody who has not logged in may be shown."""

BODY = {"reason": "curious", "revision": 1, "text": "curious", "findings": "x", "until": "2026-03-10T13:00:00Z"}
"""What the calls are sent, so that they get past reading it and ask who is calling."""

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def routes() -> list[tuple[str, tuple[str, ...]]]:
    """(route, names of its arguments), of all pages and calls but the back office, which Django guards."""
    found: dict[str, tuple[str, ...]] = {}

    def walk(patterns: Any, before: str, names: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
        for entry in patterns:
            route = before + str(entry.pattern).lstrip("^").rstrip("$").replace("\\Z", "")
            args = names + tuple(entry.pattern.regex.groupindex)
            if isinstance(entry, URLResolver):
                yield from walk(entry.url_patterns, route, args)
            elif isinstance(entry, URLPattern):
                yield route, args

    for route, args in walk(get_resolver().url_patterns, "", ()):
        if not route.startswith("admin/") and "format" not in args:
            found[route] = args
    return sorted(found.items())


ROUTES = routes()


@pytest.fixture
def foreign() -> dict[str, Any]:
    """A case in full at one site, with its draft, and who works at another; by name of a route's argument."""
    north, south = SiteFactory(code="north"), SiteFactory(code="south")
    order = make_order(site=north, patient=PatientFactory(family_name=CANARY), reason=CANARY)
    procedure = order.procedures.get()
    perform(procedure)
    deliver_owed(at=NOON + timedelta(hours=1))
    reader = make_user("reader", Role.RADIOLOGIST, sites=(north,))
    item = ReadingItem.objects.get(procedure=procedure)
    actor = Actor.of_user(reader)
    claim(item.pk, reader=reader, actor=actor, at=NOON)
    save_draft(item.pk, reader=reader, revision=0, sections={"findings": CANARY}, actor=actor, at=NOON)
    return {
        "site": south,
        "ids": {
            "order_id": order.pk,
            "patient_id": order.patient_id,
            "item_id": item.pk,
            "report_id": Report.objects.get().pk,
            "step_id": procedure.steps.get().pk,
            "procedure_id": procedure.pk,
        },
    }


def address(route: str, ids: dict[str, int]) -> str:
    """The route with its arguments filled in: the foreign row's id, or one that all kinds of row have."""
    out, rest = "", "/" + route
    while "<" in rest:
        before, _, rest = rest.partition("<")
        argument, _, rest = rest.partition(">")
        name = argument.split(":")[-1]
        if before.endswith("(?P"):  # a router's regular expression
            before, rest = before[: -len("(?P")], rest.partition(")")[2]
        out += before + str(ids.get(name, next(iter(ids.values()))))
    return out + rest.replace("\\.", ".")


@pytest.mark.parametrize("route,args", ROUTES, ids=[r for r, _ in ROUTES])
def test_nobody_is_shown_anything_before_logging_in(route: str, args: tuple[str, ...]) -> None:
    answer = Client().get(address(route, {"pk": 1}))
    if not route.startswith(OPEN_TO_ALL):
        assert answer.status_code in (301, 302, 401, 403, 404, 405), answer.status_code
        if answer.status_code == 302:
            assert "/login/" in answer["Location"] or answer["Location"] == "/"


@pytest.mark.parametrize("role", list(Role))
def test_no_role_of_another_site_is_shown_a_foreign_patient(role: Role, foreign: dict[str, Any]) -> None:
    client = Client()
    client.force_login(make_user("stranger", role, sites=(foreign["site"],)))
    for route, args in ROUTES:
        where = address(route, foreign["ids"])
        if route.startswith(("logout", "lock/")):
            continue
        for method in ("get", "post"):
            kind = {"content_type": "application/json"} if route.startswith("api/") and method == "post" else {}
            answer = getattr(client, method)(where, BODY if method == "post" else None, **kind)
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            assert CANARY.encode() not in body, f"{method} {where} shows a foreign patient to a {role}"
            if set(args) & {"order_id", "patient_id", "item_id", "report_id", "step_id"}:
                assert answer.status_code in (400, 403, 404, 405), f"{method} {where} as {role}: {answer.status_code}"


@pytest.mark.parametrize("role", list(Role))
def test_no_role_meets_a_fault_anywhere(role: Role) -> None:
    """Every page and call answers every role with a page, a refusal or a redirect, whatever is in the database."""
    order = make_order()
    perform(order.procedures.get())
    deliver_owed(at=NOON + timedelta(hours=1))
    client = Client(raise_request_exception=True)
    client.force_login(make_user("somebody", role, sites=(order.site,)))
    for route, _ in ROUTES:
        if not route.startswith(("logout", "lock/")):
            answer = client.get(address(route, {"pk": 1}))
            assert answer.status_code < 500, f"{route} as {role}"


def test_there_are_no_messages_for_those_who_may_not_see_them() -> None:
    """Messages belong to no site until they are read, so the role alone decides."""
    assert not InboundMessage.objects.exists() and not OutboundMessage.objects.exists()
    Destination.objects.get_or_create(name="EMR")
    for role in (Role.SCHEDULER, Role.TECHNOLOGIST, Role.RADIOLOGIST, Role.RESIDENT, Role.REFERRER):
        client = Client()
        client.force_login(make_user(f"no-{role.name.lower()}", role, sites=(SiteFactory(),)))
        for route, _ in ROUTES:
            if route.startswith(("messages", "api/messages", "api/destinations", "api/hl7")):
                assert client.get(address(route, {"pk": 1})).status_code in (403, 404, 405), f"{route} as {role}"
