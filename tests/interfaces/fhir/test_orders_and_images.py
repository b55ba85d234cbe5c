"""ServiceRequest and ImagingStudy: an order from its placing to its images, as a client reads it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from interfaces.dicom.models import Archive
from ris.orders import services
from ris.orders.intents import Code, Diagnosis, ProcedureIntent, StepIntent
from ris.orders.models import PerformedStep, Study
from ris.patients.services import merge_patients
from ris.people.roles import Role
from tests.factories import NOON, TESTER, PatientFactory, SiteFactory, make_order, make_user, perform
from tests.interfaces.fhir.asking import Asking
from tests.reporting.written import signed
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db
SAID = {"actor": TESTER, "at": NOON}


@pytest.fixture
def asking() -> Asking:
    return Asking(make_user("desk", Role.SCHEDULER, sites=(SiteFactory(),)))


def test_an_order_is_told_with_its_numbers_codes_and_reasons(asking: Asking) -> None:
    order = make_order(
        placer_number="P1", placer_authority="EMR", priority="STAT", ordering_provider="ZZDOC^RITA",
        ordering_provider_id="1234567893", ordering_provider_authority="NPI", reason="Headache", comments="Wheelchair",
        diagnoses=(Diagnosis("R51", "Headache", "I10"),),
    )  # fmt: skip
    procedure = order.procedures.get()
    told = asking.read(f"ServiceRequest/{procedure.pk}")
    numbers = {
        one["type"]["coding"][0]["code"]: (one["system"], one["value"]) for one in told["identifier"] if "type" in one
    }
    assert numbers == {
        "PLAC": ("urn:x-wetread:authority:EMR", "P1"),
        "FILL": ("urn:x-wetread:filler-number", order.filler_number),
        "ACSN": ("urn:x-wetread:accession", order.accession),
    }
    assert (told["status"], told["intent"], told["priority"]) == ("active", "order", "stat")
    assert told["subject"] == {"reference": f"Patient/{order.patient_id}"}
    assert {one["system"]: one["code"] for one in told["code"]["coding"]}["http://www.ama-assn.org/go/cpt"] == "70450"
    assert told["requester"]["identifier"] == {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}
    assert told["requester"]["display"] == "RITA ZZDOC"
    assert told["reasonCode"][0]["coding"][0] == {
        "system": "http://hl7.org/fhir/sid/icd-10", "code": "R51", "display": "Headache",
    }  # fmt: skip
    assert told["authoredOn"] == "2026-03-10T12:00:00Z"
    assert told["note"] == [{"text": "Wheelchair"}]


def test_the_status_follows_the_order_and_is_found_by_it(asking: Asking) -> None:
    active, held, cancelled = (make_order(at=NOON + timedelta(hours=n)).procedures.get() for n in range(3))
    services.hold_order(held.order_id, reason="Renal", **SAID)
    services.cancel_order(cancelled.order_id, reason="Twice", **SAID)
    completed = signed(make_reader()).report.procedure
    for status, procedure in (
        ("active", active), ("on-hold", held), ("revoked", cancelled), ("completed", completed),
    ):  # fmt: skip
        assert asking.read(f"ServiceRequest/{procedure.pk}")["status"] == status
        assert asking.ids(f"ServiceRequest?status={status}") == [procedure.pk]


def test_an_order_is_found_by_its_numbers_code_patient_and_visit(asking: Asking) -> None:
    patient = PatientFactory(number="T1")
    order = make_order(patient=patient, placer_number="P1", placer_authority="EMR")
    make_order(at=NOON + timedelta(days=1))
    wanted = [order.procedures.get().pk]
    uid = order.procedures.get().study_uid
    for query in (
        f"identifier={order.accession}", f"identifier=urn:x-wetread:accession|{order.accession}", "identifier=EMR|P1",
        f"identifier=urn:dicom:uid|urn:oid:{uid}", f"patient={patient.pk}", f"patient=Patient/{patient.pk}",
        f"subject:Patient={patient.pk}", f"patient=http://testserver/fhir/R4/Patient/{patient.pk}",
        "patient.identifier=NORTH|T1", "subject:Patient.identifier=T1", "authored=2026-03-10", "authored=lt2026-03-11",
        f"requisition={order.accession}",
    ):  # fmt: skip
        assert asking.ids(f"ServiceRequest?{query}") == wanted, query
    assert len(asking.ids("ServiceRequest?code=CTHEADWO")) == 2
    assert len(asking.ids("ServiceRequest?code=http://www.ama-assn.org/go/cpt|70450")) == 2
    assert asking.ids("ServiceRequest?code=http://loinc.org|70450") == []
    assert asking.ids("ServiceRequest?identifier=OTHER|P1") == []
    assert asking.ids("ServiceRequest?patient=Practitioner/1") == []


def test_the_order_of_a_merged_patient_is_found_by_the_old_reference_and_names_the_survivor(asking: Asking) -> None:
    keep, old = PatientFactory(), PatientFactory()
    procedure = make_order(patient=old).procedures.get()
    merge_patients(keep.pk, old.pk, **SAID)
    (told,) = asking.found(f"ServiceRequest?patient=Patient/{old.pk}")
    assert told["id"] == str(procedure.pk)
    assert told["subject"] == {"reference": f"Patient/{keep.pk}"}


def test_nothing_of_a_foreign_site_is_told_counted_or_included(asking: Asking) -> None:
    foreign = make_order(site=SiteFactory(code="south"), patient=PatientFactory(number="T9")).procedures.get()
    perform(foreign)
    for kind in ("ServiceRequest", "ImagingStudy"):
        asking.read(f"{kind}/{foreign.pk}", 404)
        assert asking.read(f"{kind}?_summary=count")["total"] == 0
    assert asking.ids("ServiceRequest?patient.identifier=T9") == []
    patient = make_order(patient=PatientFactory(), at=NOON + timedelta(hours=1)).patient
    where = f"Patient?_id={patient.pk}&_revinclude=ServiceRequest:patient&_revinclude=ImagingStudy:patient"
    assert [one["resourceType"] for one in asking.found(where, mode="include")] == ["ServiceRequest"]


def test_the_images_of_an_exam_come_with_what_they_belong_to(asking: Asking) -> None:
    archive = Archive.objects.create(
        name="pacs", ae_title="PACS", host="10.0.0.5", dicomweb="https://pacs.test/dicom-web"
    )
    procedure = make_order().procedures.get()
    assert asking.ids("ImagingStudy") == []
    performed = perform(procedure, at=NOON + timedelta(minutes=5))
    series = [{"uid": "1.2.3", "images": 40, "others": 0, "protocol": "Head"}, {"uid": "", "images": 1}]
    PerformedStep.objects.filter(pk=performed.pk).update(series=series)
    told = asking.read(f"ImagingStudy/{procedure.pk}")
    assert told["status"] == "registered"
    assert told["identifier"][0] == {"system": "urn:dicom:uid", "value": f"urn:oid:{procedure.study_uid}"}
    assert (told["started"], told["numberOfSeries"]) == ("2026-03-10T12:05:00Z", 1)
    assert told["series"][0]["uid"] == "1.2.3"
    assert told["series"][0]["modality"]["code"] == "CT"
    assert told["basedOn"] == [{"reference": f"ServiceRequest/{procedure.pk}"}]
    assert told["endpoint"] == [{"reference": f"Endpoint/{archive.pk}"}]
    Study.objects.create(study_uid=procedure.study_uid, procedure=procedure, first_seen_at=NOON, instances=41)
    told = asking.read(f"ImagingStudy/{procedure.pk}")
    assert (told["status"], told["numberOfInstances"]) == ("available", 41)
    for query in ("status=available", f"identifier=urn:dicom:uid|urn:oid:{procedure.study_uid}", "modality=CT",
                  f"identifier=urn:x-wetread:accession|{procedure.order.accession}", "started=2026-03-10",
                  f"basedon={procedure.pk}", f"based-on=ServiceRequest/{procedure.pk}", "bodysite=head"):  # fmt: skip
        assert asking.ids(f"ImagingStudy?{query}") == [procedure.pk], query
    assert asking.ids("ImagingStudy?status=registered") == []
    assert asking.found("ImagingStudy?_include=ImagingStudy:endpoint", mode="include")[0]["address"] == archive.dicomweb


def test_images_that_are_in_the_study_of_another_procedure_are_one_study(asking: Asking) -> None:
    two = tuple(ProcedureIntent(code=Code("CTHEADWO", system="L"), steps=(StepIntent(start=NOON),)) for _ in range(2))
    order = make_order(procedures=two)
    owner, other = order.procedures.order_by("pk")
    for procedure in (owner, other):
        perform(procedure)
    other.performed_study_uid = owner.study_uid
    other.save()
    (told,) = asking.found("ImagingStudy")
    assert told["basedOn"] == [{"reference": f"ServiceRequest/{pk}"} for pk in (owner.pk, other.pk)]


def test_includes_and_reverse_includes_come_once_each(asking: Asking) -> None:
    patient = PatientFactory()
    procedures = [make_order(patient=patient, at=NOON + timedelta(hours=n)).procedures.get() for n in range(2)]
    perform(procedures[0])
    includes = "_include=ServiceRequest:patient&_include=ServiceRequest:subject"
    where = f"ServiceRequest?{includes}&_revinclude=ImagingStudy:basedon"
    included = asking.found(where, mode="include")
    assert [(one["resourceType"], one["id"]) for one in included] == [
        ("Patient", str(patient.pk)), ("ImagingStudy", str(procedures[0].pk)),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["ServiceRequest", "ImagingStudy"])
def test_a_page_of_fifty_costs_what_a_page_of_five_costs(asking: Asking, kind: str) -> None:
    def cost(number: int) -> int:
        for _ in range(number):
            perform(make_order().procedures.get())
        with CaptureQueriesContext(connection) as queries:
            asking.read(f"{kind}?_count=200&_include={kind}:patient")
        return len(queries)

    # The first call with a token in a while stamps when it was used: one UPDATE, however many rows. metadata has none.
    asking.read("ServiceRequest")
    assert cost(5) == cost(15)


def test_what_changed_since_is_found_by_the_events_of_its_order(asking: Asking) -> None:
    procedure = make_order().procedures.get()
    changed = asking.read(f"ServiceRequest/{procedure.pk}")["meta"]["lastUpdated"]
    for prefix, found in (("ge", True), ("gt", False), ("lt", False), ("le", True), ("eq", True), ("ne", False)):
        minute = f"{changed[:16]}Z"
        assert (asking.ids(f"ServiceRequest?_lastUpdated={prefix}{minute}") == [procedure.pk]) is found, prefix
    answer = asking.get(f"ServiceRequest/{procedure.pk}")
    assert answer["Last-Modified"].endswith("GMT")
