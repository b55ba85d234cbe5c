"""What a sender says of patient, protocol and visit is in the answer (IHE RAD TF-2 appendix B)."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from ris.orders.intents import Code, ProcedureIntent, StepIntent
from ris.orders.models import Order, ScheduledStep
from tests.factories import NOON, DeviceFactory, ProcedureFactory, SiteFactory, make_order
from tests.interfaces.dicom.asking import ask, found
from tests.interfaces.dicom.scu import query
from tests.interfaces.hl7.hl7 import message, msh, orc, pid, seg, take

pytestmark = pytest.mark.django_db

PROTOCOLS = (Code("HEADROUT", "Head routine", "99LOCAL"), Code("PERF", "Perfusion", "99LOCAL"))


def placed(**fields: object) -> Order:
    step = StepIntent(start=NOON, protocol=PROTOCOLS[0], protocols=PROTOCOLS)
    order = make_order(procedures=(ProcedureIntent(code=Code("CTHEADWO", system="L"), steps=(step,)),))
    Order.objects.filter(pk=order.pk).update(**fields)
    return order


def test_every_protocol_is_a_coded_item_and_names_the_step() -> None:
    placed()
    _, (entry,), _ = ask(query(step__ScheduledProtocolCodeSequence=[]))
    (step,) = entry.ScheduledProcedureStepSequence
    codes = [(i.CodeValue, i.CodingSchemeDesignator, i.CodeMeaning) for i in step.ScheduledProtocolCodeSequence]
    assert codes == [("HEADROUT", "99LOCAL", "Head routine"), ("PERF", "99LOCAL", "Perfusion")]
    assert step.ScheduledProcedureStepDescription == "Head routine"


def test_a_step_is_found_by_any_of_its_protocols_and_by_what_it_is_called() -> None:
    order = placed()
    for value, hits in (("PERF", 1), ("HEADROUT", 1), ("PER*", 1), ("NONE", 0)):
        item = Dataset()
        item.CodeValue = value
        assert found(query(step__ScheduledProtocolCodeSequence=[item])) == [order.accession] * hits, value
    assert found(query(step__ScheduledProcedureStepDescription="Head rou*")) == [order.accession]


def test_a_description_of_its_own_is_kept() -> None:
    placed()
    ScheduledStep.objects.update(description="Head with the new head holder")
    _, (entry,), _ = ask(query())
    step = entry.ScheduledProcedureStepSequence[0]
    assert step.ScheduledProcedureStepDescription == "Head with the new head holder"


def test_weight_and_height_are_there() -> None:
    placed(weight_kg=72.5, height_m=1.755)
    _, (entry,), _ = ask(query(PatientWeight="", PatientSize=""))
    assert (float(entry.PatientWeight), float(entry.PatientSize)) == (72.5, 1.755)
    Order.objects.update(weight_kg=None, height_m=None)
    _, (entry,), _ = ask(query(PatientWeight="", PatientSize=""))
    assert (entry.PatientWeight, entry.PatientSize) == (None, None)


def test_relevant_clinical_information_is_an_alert_and_loses_no_word() -> None:
    text = "Pacemaker since 2019, not MR conditional; " + "contrast reaction noted by the referring clinic. " * 3
    placed(clinical_info=text)
    _, (entry,), outcome = ask(query(MedicalAlerts="", AdditionalPatientHistory=""))
    assert " ".join(entry.MedicalAlerts) == text.strip()
    assert all(len(alert) <= 64 for alert in entry.MedicalAlerts)
    assert entry.AdditionalPatientHistory == text.strip()
    assert not [note for note in outcome.notes if "0010,2000" in note]


def test_a_visit_without_a_number_is_told_from_the_order() -> None:
    placed(patient_class="I", patient_location="WARD^7", referring_provider="ZZREFER^GAMMA", pregnant=True)
    asked = query(RouteOfAdmissions="", CurrentPatientLocation="", ReferringPhysicianName="", PregnancyStatus=None)
    _, (entry,), _ = ask(asked)
    assert (entry.RouteOfAdmissions, entry.CurrentPatientLocation) == ("I", "WARD^7")
    assert (entry.ReferringPhysicianName, entry.PregnancyStatus) == ("ZZREFER^GAMMA", 3)


def test_codes_of_the_reason_diagnoses_and_copies_are_there() -> None:
    placed(
        reason_codes=[["R51", "Headache", "I10"]],
        diagnoses=[["S06.0", "Concussion", "I10", "A"]],
        copies_to=[["77", "ZZCOPY^DELTA", "NORTH"]],
        call_back_phone="555-0100",
    )
    asked = query(
        ReasonForRequestedProcedureCodeSequence=[],
        AdmittingDiagnosesDescription="",
        AdmittingDiagnosesCodeSequence=[],
        NamesOfIntendedRecipientsOfResults="",
        OrderCallbackPhoneNumber="",
    )
    _, (entry,), _ = ask(asked)
    assert entry.ReasonForRequestedProcedureCodeSequence[0].CodeValue == "R51"
    assert entry.AdmittingDiagnosesDescription == "Concussion"
    assert entry.AdmittingDiagnosesCodeSequence[0].CodeMeaning == "Concussion"
    assert entry.NamesOfIntendedRecipientsOfResults == "ZZCOPY^DELTA"
    assert entry.OrderCallbackPhoneNumber == "555-0100"


def test_an_order_by_hl7_says_all_of_it_to_the_scanner() -> None:
    DeviceFactory(site=SiteFactory())
    ProcedureFactory()
    fields = {4: "CTHEADWO^CT head^L^HEADROUT^Head routine^99LOCAL", 13: "Claustrophobic", 24: "CT"}
    observed = ["OBX|1|NM|29463-7^Body weight^LN||81.5|kg", "OBX|2|NM|8302-2^Body height^LN||180|cm"]
    take(message(msh("ORM^O01"), pid(), orc(placer="P77"), seg("OBR", fields), *observed))
    asked = query(step__ScheduledProtocolCodeSequence=[], MedicalAlerts="", PatientWeight="", PatientSize="")
    _, (entry,), _ = ask(asked, at=NOON)
    (step,) = entry.ScheduledProcedureStepSequence
    assert step.ScheduledProcedureStepDescription == "Head routine"
    assert [item.CodeValue for item in step.ScheduledProtocolCodeSequence] == ["HEADROUT"]
    assert entry.MedicalAlerts == "Claustrophobic"  # weight and height have attributes of their own
    assert (float(entry.PatientWeight), float(entry.PatientSize)) == (81.5, 1.8)
