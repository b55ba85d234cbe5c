"""Whatever a page or a call is asked with, or sent, is answered: with a page, with nothing found, or with a refusal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from interfaces.hl7.models import Destination
from ris.catalog.models import Device, Procedure, Subspecialty
from ris.kernel.clock import now
from ris.orders.models import ScheduledStep
from ris.patients.models import Patient
from ris.people.roles import Role
from tests.factories import make_user
from tests.pages.demo_day import Day, begin_day, fill_day
from tests.pages.every_address import NO_ID, broken, client_of, places

pytestmark = pytest.mark.django_db

ODD = ["²", "9" * 30, "-1", "\x00", "x" * 5000]
"""No number, too large, negative, what PostgreSQL holds not, very long."""

MOMENTS = ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00+12:00", "9999-12-31T23:59:59-12:00"]
"""The ends of Python's calendar; some of them are beyond it in UTC."""

OF_TIMES = {"day", "at", "since", "until", "first_day", "last_day", "birth_date", "start"}

OF_FORMS = [ODD[0], ODD[1], ODD[-1]]

BODIES: list[Any] = [
    "²", "x" * 100_000, *MOMENTS, -1, 2**63 - 1, None, {}, [{"name": {}}],
]  # fmt: skip
"""What the parser refuses, whatever it is for, is tried in ``tests/house/test_bodies_that_cannot_be_read.py``."""


@pytest.fixture
def day() -> Day:
    day = begin_day(now())
    fill_day(day)
    return day


@pytest.fixture
def everybody(day: Day) -> Client:
    """Somebody who may do everything at the site."""
    return client_of(make_user("everybody", *Role, sites=(day.site,), time_zone="Pacific/Pago_Pago"))


def asked(client: Client, where: str, said: dict[str, str]) -> str:
    with transaction.atomic():
        wrong = broken(client.get(where, said))
        transaction.set_rollback(True)
    return wrong


def test_odd_values_of_every_parameter_of_every_page_and_call(everybody: Client) -> None:
    found, tried = [], 0
    for place in places():
        where = place.addresses[0]
        if everybody.get(where).status_code == 405:
            continue
        for name in place.asks_for:
            for value in (*ODD, *MOMENTS) if name in OF_TIMES else ODD:
                tried += 1
                if wrong := asked(everybody, where, {name: value}):
                    found.append(f"{where}?{name}={value[:20]!r}: {wrong}")
    assert not found, "\n".join(found)
    assert tried > 1000, "the names of parameters are found in the views"


def ids_of(day: Day) -> dict[str, int]:
    """Rows that a body or a form can name."""
    reader, patient = day.readers["on"].pk, Patient.objects.filter(merged_into=None).latest("pk").pk
    step = ScheduledStep.objects.filter(state="scheduled", procedure__order__site=day.site).earliest("pk")
    return {"reader": reader, "user": reader, "to": day.readers["off"].pk, "substitute": day.readers["off"].pk,
            "site": day.site.pk, "device": Device.objects.get(ae_title="CT1").pk, "patient": patient, "step": step.pk,
            "destination": Destination.objects.get(name="WELL").pk, "subspecialty": Subspecialty.objects.get().pk,
            "procedure": Procedure.objects.get().pk}  # fmt: skip


@pytest.mark.strict
def test_odd_values_of_every_field_of_every_form(day: Day, everybody: Client) -> None:
    found, tried, ids = [], 0, ids_of(day)
    for place in places():
        usual = {name: str(ids.get(name) or WORDS.get(name, "words")) for name in place.is_sent}
        if not place.cans or posted(everybody, place.addresses[0], usual)[0] == 405:
            continue
        for name in place.is_sent:
            for value in (*OF_FORMS, *MOMENTS) if name in OF_TIMES else OF_FORMS:
                tried += 1
                if wrong := posted(everybody, place.addresses[0], usual | {name: value})[1]:
                    found.append(f"{place.route} {name}={value[:20]!r}: {wrong}")
    assert not found, "\n".join(found)
    assert tried > 300, "the names of fields are found in the views"


def posted(client: Client, where: str, form: dict[str, str]) -> tuple[int, str]:
    """The status, and what went wrong. Nothing is kept."""
    with transaction.atomic():
        answer = client.post(where, form)
        transaction.set_rollback(True)
    return answer.status_code, broken(answer)


def test_an_odd_id_in_an_address_is_no_address(everybody: Client) -> None:
    found = []
    for place in places():
        parts = place.addresses[-1].split(str(NO_ID))
        for value in ("9" * 30, "9" * 5000, "²", "0") if len(parts) > 1 else ():
            if wrong := asked(everybody, value.join(parts), {}):
                found.append(f"{place.route} {value[:20]}: {wrong}")
    assert not found, "\n".join(found)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path, properties of the body) of every call that is sent something, from the API's own description."""
    described = SchemaGenerator().get_schema(request=None, public=True)
    kinds = described["components"]["schemas"]
    for path, methods in described["paths"].items():
        for method, call in methods.items():
            schema = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            if "$ref" in schema:
                yield method, path, kinds[schema["$ref"].rpartition("/")[2]].get("properties", {})


WORDS: dict[str, Any] = {
    "rrule": "FREQ=DAILY", "zone": "UTC", "kind": "in-house", "identifiers": [{"value": "T1", "authority": "N"}],
    "rules": [{"name": "Head", "when": {"region": "HEAD"}, "then": {"points": 1}}], "state": "available",
    "procedures": [{"code": "CTHEADWO", "steps": [{}]}], "mark": "patient waiting", "priority": "STAT",
    "table": "procedure", "day": "2026-03-10", "first_day": "2026-03-10", "birth_date": "1945-07-14",
    "until": "2026-03-10T12:00Z", "since": "2026-03-09T12:00Z", "start": "2026-03-10T12:00Z", "start_time": "08:00",
    "end_time": "16:00", "breaks": [], "holidays": False,
}  # fmt: skip
"""What some properties and fields can be."""


def ordinary(name: str, said: dict[str, Any], ids: dict[str, int]) -> Any:
    """Something that the property could be."""
    kind, form = said.get("type"), said.get("format")
    if name in ids:
        return ids[name]
    if form in ("date", "date-time", "time"):
        return {"date": "2026-03-10", "date-time": "2026-03-10T12:00:00Z", "time": "08:00"}[form]
    ordinary_of: dict[Any, Any] = {"integer": 1, "number": 0.5, "boolean": True, "array": [], "object": {}}
    return WORDS.get(name, ordinary_of.get(kind, "words"))


def sent(client: Client, method: str, where: str, body: dict[str, Any]) -> str:
    with transaction.atomic():
        wrong = broken(getattr(client, method)(where, json.dumps(body), content_type="application/json"))
        transaction.set_rollback(True)
    return wrong


@pytest.mark.strict
def test_odd_values_of_every_property_of_every_call_s_body(day: Day, everybody: Client) -> None:
    day_ids = ids_of(day)
    rows = {route: place.addresses[0] for place in places() for route in [_plain(place.route)]}
    found, tried = [], 0
    for method, path, properties in operations():
        if path.endswith("/rules/try/"):
            continue  # runs in a thread of its own, with a connection of its own
        body = {name: ordinary(name, said, day_ids) for name, said in properties.items()}
        for name in properties:
            for value in BODIES:
                tried += 1
                if wrong := sent(everybody, method, rows[_plain(path)], body | {name: value}):
                    found.append(f"{method} {path} {name}={str(value)[:20]!r}: {wrong}")
    assert not found, "\n".join(found)
    assert tried > 2000, "the calls are found in the API's description"


def _plain(route: str) -> str:
    """The route without its arguments' names, as the URL configuration and the description both have it."""
    return re.sub(r"\(\?P<[^)]*\)|<[^>]*>|\{[^}]*\}", "*", route.replace("\\.", ".")).lstrip("/")
