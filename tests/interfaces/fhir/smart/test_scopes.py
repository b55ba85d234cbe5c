"""Scopes: read, compared and said; and that nothing is answered that they do not allow, of any resource type."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.test import Client

from interfaces.fhir.registry import TYPES
from interfaces.fhir.smart.access import AppLimits
from interfaces.fhir.smart.scopes import keep_allowed, read_scope, read_scopes, say_scope
from ris.kernel.errors import Forbidden
from ris.orders.models import Order
from ris.people.models import User
from ris.people.roles import ROLES, Role
from tests.factories import DeviceFactory, PatientFactory, ProcedureFactory, SiteFactory, make_order, make_user
from tests.interfaces.fhir.test_writing import request_of
from tests.reporting.written import signed
from tests.worklist.reading import make_reader

from .letting_in import granted


@pytest.mark.once
def test_scopes_of_both_versions_are_read_and_nothing_else() -> None:
    assert read_scope("patient/Observation.read") == read_scope("patient/Observation.rs")
    assert read_scope("user/*.*") == read_scope("user/*.cruds")
    granular = read_scope("patient/DiagnosticReport.rs?category=RAD&status=final")
    assert granular and granular.query == (("category", "RAD"), ("status", "final"))
    for text in ("patient/Observation.sr", "patient/Observation.", "patient/observation.r", "own/Patient.r", "launch",
                 "patient/Patient.r?", "patient/Patient.r?x", "patient/Patient.rr", "user/Patient.r\n"):  # fmt: skip
        assert read_scope(text) is None, text
    assert say_scope("patient/DiagnosticReport.rs") == "read and search DiagnosticReport of this patient"


@pytest.mark.once
def test_a_client_is_given_of_what_it_asks_what_it_may_have() -> None:
    may = ["patient/*.rs", "user/DiagnosticReport.rs?category=RAD", "openid", "system/*.cruds"]
    for text, is_given in {
        "patient/Patient.r": True, "patient/Patient.c": False, "user/DiagnosticReport.rs": False,
        "user/DiagnosticReport.s?category=RAD&status=final": True, "system/Patient.r": False, "openid": True,
        "fhirUser": False, "patient/*.rs": True, "anything": False,
    }.items():  # fmt: skip
        assert (keep_allowed([text], may, ("patient", "user")) == [text]) is is_given, text


@pytest.mark.django_db
def test_random_scopes_show_of_every_resource_type_what_they_allow_and_no_more() -> None:
    """Against what the same person sees without an app: rows of a type that a scope names, of the app's patient."""
    signed(make_reader())
    make_order(placer_number="P2", patient=None)
    viewer = make_user("all", *[role for role in ROLES if role != Role.REFERRER], sites=(SiteFactory(),))
    patient = Order.objects.earliest("pk").patient_id
    chance = random.Random(16)
    seen = 0
    whose = {kind: _patients(kind, viewer) for kind in TYPES}
    for _ in range(25):
        texts = [_random_scope(chance) for _ in range(chance.randint(0, 3))]
        for kind in TYPES:
            seen += _check(kind, viewer, texts, patient, whose[kind])
    viewer.limits = None
    assert seen > 100, "most was empty: nothing was shown by this"


def _random_scope(chance: random.Random) -> str:
    letters = "".join(one for one in "cruds" if chance.random() < 0.5) or "r"
    return f"{chance.choice(('patient', 'user'))}/{chance.choice(('*', *TYPES))}.{letters}"


def _patients(kind: str, viewer: User) -> dict[int, int | None]:
    """Id of each row that the person sees without an app → its patient."""
    what = TYPES[kind]
    return {row.pk: what.patient(row) if what.patient else None for row in what.load(what.select(viewer))}


def _check(kind: str, viewer: User, texts: list[str], patient: int, whose: dict[int, int | None]) -> int:
    what, scopes, count = TYPES[kind], read_scopes(texts), 0
    for letter in "crus":
        fitting = [one for one in scopes if one.resource in ("*", kind) and letter in one.actions]
        wide = any(one.context == "user" for one in fitting) or (fitting and what.patient is None)
        allowed = {pk for pk, of in whose.items() if wide or (fitting and of == patient)}
        viewer.limits = AppLimits(None, None, scopes=scopes, patient_id=patient)
        try:
            shown = set(what.select(viewer, letter).values_list("pk", flat=True))
        except Forbidden:
            shown = set()
            assert not fitting or kind == "Subscription"
        assert shown == (set() if kind == "Subscription" else allowed), (kind, letter, texts)
        count += len(shown)
    return count


@pytest.mark.django_db
def test_includes_chains_totals_and_pdfs_keep_to_the_scopes() -> None:
    reader = make_reader()
    version = signed(reader)
    report, patient = version.report, version.report.procedure.order.patient
    number = patient.identifiers.get().value
    asks = "launch/patient patient/DiagnosticReport.rs"
    app = granted(reader, asks, number=number)
    found = _search(
        app, "DiagnosticReport?_include=DiagnosticReport:patient&_revinclude=Provenance:target&_total=accurate"
    )
    assert [entry["resource"]["resourceType"] for entry in found["entry"]] == ["DiagnosticReport"]
    assert found["total"] == 1
    assert "entry" not in _search(app, f"DiagnosticReport?patient.identifier={number}"), "a chain asks Patient, too"
    assert app.get(f"/fhir/R4/Patient/{patient.pk}").status_code == 403
    assert app.get(f"/fhir/R4/Binary/{version.pk}").status_code == 403
    wide = granted(reader, f"{asks} patient/Binary.r patient/Patient.rs", number=number)
    assert wide.get(f"/fhir/R4/Binary/{version.pk}", headers={"Accept": "application/pdf"}).content.startswith(b"%PDF")
    assert len(_search(wide, "DiagnosticReport?_include=DiagnosticReport:patient")["entry"]) == 2
    assert len(_search(wide, f"DiagnosticReport?patient.identifier={number}")["entry"]) == 1
    for category, count in (("LP29684-5", 1), ("LAB", 0)):
        narrow = granted(reader, f"launch/patient patient/DiagnosticReport.rs?category={category}", number=number)
        assert len(_search(narrow, "DiagnosticReport").get("entry", [])) == count
        assert narrow.get(f"/fhir/R4/DiagnosticReport/{report.pk}").status_code == (200 if count else 404)


def _search(client: Client, where: str) -> Any:
    answered = client.get(f"/fhir/R4/{where}")
    assert answered.status_code == 200, answered.content
    return answered.json()


@pytest.mark.django_db
def test_writes_need_their_letter_and_the_apps_own_patient() -> None:
    ProcedureFactory()
    site = SiteFactory()
    DeviceFactory(site=site)
    desk = make_user("desk", Role.SCHEDULER, sites=(site,))
    own, other = make_order(site=site).patient, PatientFactory(family_name="ZZOTHER")
    number, count = own.identifiers.get().value, Order.objects.count()
    reads = granted(desk, "launch/patient user/ServiceRequest.rs", number=number)
    writes = granted(desk, "launch/patient patient/ServiceRequest.c", number=number)
    assert _order(reads, own.pk).status_code == 403, "it has no letter for it"
    assert _order(writes, other.pk).status_code == 403 and Order.objects.count() == count, "not its patient: undone"
    placed = _order(writes, own.pk)
    assert placed.status_code == 201 and not placed.content, "what it may not read is not in the answer"
    assert Order.objects.get(placer_number="P1").patient_id == own.pk
    subscription = {"resourceType": "Subscription", "status": "requested", "reason": "t", "criteria": "x"}
    app = granted(desk, "user/*.cruds")
    assert app.post("/fhir/R4/Subscription", subscription, content_type="application/fhir+json").status_code == 403
    assert app.get("/fhir/R4/Subscription/$get-ws-binding-token").status_code == 401
    assert app.get("/fhir/R4/Subscription").status_code == 403


def _order(client: Client, patient_id: int) -> Any:
    body = request_of({"reference": f"Patient/{patient_id}"})
    return client.post("/fhir/R4/ServiceRequest", body, content_type="application/fhir+json")
