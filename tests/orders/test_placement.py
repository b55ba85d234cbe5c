"""An order is taken in with what was said, and what was not is issued or inferred."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ris.audit.models import AuditEvent
from ris.catalog.models import Device
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.models import Record
from ris.orders import states
from ris.orders.intents import Code, Diagnosis, Entity, Observation, ProcedureIntent, Recipient, StepIntent
from ris.orders.models import Order, RequestedProcedure, ScheduledStep
from ris.orders.services import cancel_order, cancel_procedure, hold_order, release_order
from ris.orders.services.flags import UNKNOWN_PROCEDURE, UNKNOWN_STATION
from tests.factories import (
    NOON,
    TESTER,
    DeviceFactory,
    PatientFactory,
    ProcedureFactory,
    SiteFactory,
    make_order,
    perform,
)
from tests.racing import race

pytestmark = pytest.mark.django_db


def test_what_was_not_said_is_issued_and_inferred() -> None:
    order = make_order(procedures=(ProcedureIntent(code=Code("ctheadwo")),))
    procedure = order.procedures.get()
    step = procedure.steps.get()
    assert order.accession == f"NO{order.pk:07d}"
    assert order.filler_number == f"F{order.pk}"
    assert procedure.study_uid.startswith("2.25.")
    assert (procedure.modality, procedure.code_text) == ("CT", "CT head without contrast")
    assert (step.device, step.station_aes) == (Device.objects.get(ae_title="CT1"), ["CT1"])
    assert (step.start, step.minutes, step.state) == (NOON, 15, states.SCHEDULED)
    assert len(procedure.number) <= 16
    assert len(step.number) <= 16


def test_what_was_said_is_kept() -> None:
    start = NOON + timedelta(hours=3)
    step = StepIntent(
        number="SPS9",
        modality="CT",
        station_aes=("CT1",),
        start=start,
        description="Head",
        protocol=Code("P7", "Seven"),
    )
    intent = ProcedureIntent(code=Code("CTHEADWO"), number="RP9", study_uid="1.2.3", laterality="L", steps=(step,))
    order = make_order(procedures=(intent,), accession="A-77", priority="STAT", placer_number="P1", reason="fall")
    procedure = order.procedures.get()
    kept = procedure.steps.get()
    assert (order.accession, order.priority, order.reason) == ("A-77", "STAT", "fall")
    assert (procedure.number, procedure.study_uid, procedure.laterality) == ("RP9", "1.2.3", "L")
    assert (kept.number, kept.start, kept.protocol_code) == ("SPS9", start, "P7")


def test_an_unknown_code_is_accepted_flagged_and_put_on_the_first_device_of_its_modality() -> None:
    DeviceFactory(ae_title="MR1", modality="MR")
    order = make_order(procedures=(ProcedureIntent(code=Code("NEVERSEEN", "Odd exam"), modality="MR"),))
    assert order.reread().flags == [UNKNOWN_PROCEDURE]
    assert order.procedures.get().steps.get().device == Device.objects.get(ae_title="MR1")


def test_an_unknown_station_is_kept_and_flagged() -> None:
    step = StepIntent(station_aes=("NOWHERE", "ELSEWHERE"))
    order = make_order(procedures=(ProcedureIntent(code=Code("CTHEADWO"), steps=(step,)),))
    kept = order.procedures.get().steps.get()
    assert (kept.device, kept.station_aes) == (None, ["NOWHERE", "ELSEWHERE"])
    assert order.reread().flags == [UNKNOWN_STATION]


def test_several_procedures_and_steps_are_all_written() -> None:
    steps = (StepIntent(description="without"), StepIntent(description="with"))
    order = make_order(
        procedures=(ProcedureIntent(code=Code("CTHEADWO"), steps=steps), ProcedureIntent(code=Code("CTHEADWO")))
    )
    assert [p.steps.count() for p in order.procedures.order_by("pk")] == [2, 1]
    assert len(set(order.procedures.values_list("number", flat=True))) == 2


def test_a_placing_is_told_and_audited() -> None:
    order = make_order()
    record = Record.objects.get(kind="OrderPlaced")
    assert (record.stream, record.body) == (order.accession, {"order_id": order.pk})
    assert AuditEvent.objects.get(action="order.place").patient_id == order.patient_id


def test_a_placer_number_used_before_is_refused() -> None:
    make_order(placer_number="P1", placer_authority="EMR")
    with pytest.raises(Conflict, match="used before"):
        make_order(placer_number="P1", placer_authority="EMR")
    make_order(placer_number="P1", placer_authority="OTHER")


def test_an_accession_number_of_another_patient_is_refused() -> None:
    patient = PatientFactory()
    make_order(accession="A1", patient=patient)
    make_order(accession="A1", patient=patient)
    with pytest.raises(Conflict, match="another patient"):
        make_order(accession="A1")
    with pytest.raises(Invalid, match="16"):
        make_order(accession="A" * 17)


def test_an_issued_accession_number_evades_one_that_a_sender_used() -> None:
    first = make_order()
    make_order(accession=f"NO{first.pk + 2:07d}")
    assert make_order().accession == f"NO{first.pk + 2:07d}A"


def test_an_order_without_a_procedure_or_with_an_odd_priority_is_refused_by_field() -> None:
    with pytest.raises(Invalid) as no_procedure:
        make_order(procedures=())
    with pytest.raises(Invalid) as odd_priority:
        make_order(priority="SOON")
    assert (no_procedure.value.at, odd_priority.value.at) == ("procedures", "priority")


def test_a_cancelled_order_takes_its_procedures_and_waiting_steps_along() -> None:
    order = make_order()
    cancel_order(order.pk, reason="no longer needed", actor=TESTER, at=NOON)
    procedure = order.procedures.get()
    assert (order.reread().state, procedure.state, procedure.steps.get().state) == (states.CANCELLED,) * 3
    with pytest.raises(Conflict):
        cancel_order(order.pk, reason="again", actor=TESTER, at=NOON)


def test_an_order_whose_exam_has_begun_cannot_be_cancelled() -> None:
    order = make_order()
    perform(order.procedures.get(), complete=False)
    with pytest.raises(Conflict, match="has begun"):
        cancel_order(order.pk, reason="too late", actor=TESTER, at=NOON)
    assert order.reread().state == states.ACTIVE


def test_one_procedure_is_cancelled_alone_and_the_last_takes_the_order() -> None:
    order = make_order(procedures=(ProcedureIntent(code=Code("CTHEADWO")), ProcedureIntent(code=Code("CTHEADWO"))))
    first, second = order.procedures.order_by("pk")
    cancel_procedure(first.pk, reason="twice", actor=TESTER, at=NOON)
    assert order.reread().state == states.ACTIVE
    cancel_procedure(second.pk, reason="not at all", actor=TESTER, at=NOON)
    assert order.reread().state == states.CANCELLED


def test_an_order_is_held_and_released() -> None:
    order = make_order()
    hold_order(order.pk, reason="creatinine", actor=TESTER, at=NOON)
    assert order.procedures.get().state == states.HELD
    release_order(order.pk, actor=TESTER, at=NOON)
    assert (order.reread().state, order.procedures.get().state) == (states.ACTIVE, states.ACTIVE)


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_send_the_same_placer_number_one_places_the_order() -> None:
    patient = PatientFactory()
    make_order(patient=patient)
    site = SiteFactory()
    outcomes = race(8, lambda _: make_order(patient=patient, site=site, placer_number="P1", placer_authority="EMR").pk)
    assert sum(isinstance(o, int) for o in outcomes) == 1, outcomes
    assert Order.objects.filter(placer_number="P1").count() == 1


@pytest.mark.parametrize(
    ("code", "alternates"),
    [
        (Code("70450", system="C4"), ()),
        (Code("70450", system="CPT-4"), ()),
        (Code("24727-0", system="LN"), ()),
        (Code("rpid22", system="RPID"), ()),
        (Code("70450"), ()),
        (Code("OWN1", system="EMRLOCAL"), (Code("70450", system="CPT"),)),
    ],
)
def test_a_code_of_a_standard_is_looked_up_in_its_column_of_the_catalog(code, alternates) -> None:
    known = ProcedureFactory(cpt="70450", loinc="24727-0", radlex="RPID22")
    order = make_order(procedures=(ProcedureIntent(code=code, alternates=alternates),))
    procedure = order.procedures.get()
    assert (procedure.procedure, procedure.modality, order.reread().flags) == (known, "CT", [])
    assert procedure.code == code.value


@pytest.mark.parametrize(("said", "known"), [("L", "XRANKLEL"), ("R", "XRANKLER"), ("", "")])
def test_a_code_without_a_side_means_no_procedure_of_one_side(said, known) -> None:
    for side in "LR":
        ProcedureFactory(code=f"XRANKLE{side}", cpt="73610", modality="DX", laterality=side)
    code = Code("73610", "X-ray ankle", "C4")
    order = make_order(procedures=(ProcedureIntent(code=code, laterality=said),))
    procedure = order.procedures.get()
    assert (procedure.procedure.code if procedure.procedure else "") == known
    assert (procedure.laterality, procedure.modality) == (said, "DX")
    assert order.reread().flags == ([] if known else [UNKNOWN_PROCEDURE])


def test_everything_that_came_with_an_order_is_kept_as_it_was_said() -> None:
    step = StepIntent(protocols=(Code("P7", "Seven", "L"), Code("P8", "Eight", "L")))
    order = make_order(
        procedures=(ProcedureIntent(code=Code("CTHEADWO"), steps=(step,)),),
        placer_entity=Entity("P1", "EMR", "1.2.3", "ISO"),
        group_entity=Entity("G1"),
        sender_filler_number="UP77",
        diagnoses=(Diagnosis("S06", "Concussion", "I10", "A"),),
        observations=(Observation("29463-7", "Body weight", "LN", "80", "kg"),),
        weight_kg=80.0,
        copies_to=(Recipient("CC1", "ZZCOPY^CARL"),),
        pregnant=True,
    ).reread()
    kept = order.procedures.get().steps.get()
    assert (order.placer_entity, order.group_entity) == (["P1", "EMR", "1.2.3", "ISO"], ["G1", "", "", ""])
    assert (order.sender_filler_number, order.weight_kg, order.pregnant) == ("UP77", 80.0, True)
    assert order.diagnoses == [["S06", "Concussion", "I10", "A"]]
    assert order.observations == [["29463-7", "Body weight", "LN", "80", "kg"]]
    assert order.copies_to == [["CC1", "ZZCOPY^CARL", ""]]
    assert (kept.protocol_code, kept.protocol_codes) == ("P7", [["P7", "Seven", "L"], ["P8", "Eight", "L"]])


def test_step_and_procedure_ids_are_unique_however_alike_accession_numbers_are(db: None) -> None:
    for accession in ("HOSPA0000000017", "HOSPB0000000017"):
        make_order(accession=accession)
    for model in (RequestedProcedure, ScheduledStep):
        numbers = list(model.objects.values_list("number", flat=True))
        assert len(set(numbers)) == 2
        assert all(0 < len(one) <= 16 for one in numbers)
