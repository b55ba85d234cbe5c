from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from interfaces.dicom.models import DeviceProfile
from ris.catalog.models import Device
from ris.orders.intents import Code, ProcedureIntent, StepIntent
from tests.factories import NOON, DeviceFactory, PatientFactory, SiteFactory, make_order
from tests.interfaces.dicom.asking import ask, found
from tests.interfaces.dicom.scu import query

pytestmark = pytest.mark.django_db


def device(**profile: Any) -> Device:
    made = DeviceFactory()
    DeviceProfile.objects.create(device=made, **profile)
    return Device.objects.get(pk=made.pk)


def placed(modality: str = "CT", station: str = "CT1", **said: Any) -> str:
    step = StepIntent(start=said.pop("start", NOON), modality=modality, station_aes=(station,))
    return make_order(procedures=(ProcedureIntent(code=Code("X"), modality=modality, steps=(step,)),), **said).accession


def test_a_device_may_be_kept_to_its_own_list_whatever_it_asks() -> None:
    mine, other = placed(), placed(station="CT2")
    asked = query(step__ScheduledStationAETitle="CT2")
    assert found(asked, device=device(own_ae_only=True)) == [mine]
    DeviceProfile.objects.update(own_ae_only=False)
    assert found(asked, device=Device.objects.get(ae_title="CT1")) == [other]


def test_a_modality_may_mean_several() -> None:
    ct, pt = placed(), placed(modality="PT")
    placed(modality="MR")
    who = device(modality_map={"CT": ["CT", "PT"]})
    assert found(query(step__Modality="CT"), device=who) == [ct, pt]


def test_a_device_sees_its_own_site_unless_it_may_see_all() -> None:
    here = placed()
    there = make_order(site=SiteFactory(code="south")).accession
    assert found(query(), device=device()) == [here]
    DeviceProfile.objects.update(all_sites=True)
    assert found(query(), device=Device.objects.get(ae_title="CT1")) == [here, there]


def test_the_list_may_be_short_and_near() -> None:
    now_, soon, later = placed(), placed(start=NOON + timedelta(hours=2)), placed(start=NOON + timedelta(hours=9))
    assert found(query(), device=device(hours_ahead=4)) == [now_, soon]
    DeviceProfile.objects.update(hours_ahead=None, most_rows=2)
    statuses, _, _ = ask(query(), device=Device.objects.get(ae_title="CT1"))
    assert statuses == [0xFF00, 0xFF00, 0x0000]  # never B001
    assert later


def test_a_step_may_be_overdue_sooner() -> None:
    placed()
    who = device(hours_back=1)
    assert len(found(query(), device=who, at=NOON + timedelta(minutes=59))) == 1
    assert found(query(), device=who, at=NOON + timedelta(minutes=61)) == []


def test_a_device_may_be_shown_arrived_patients_only() -> None:
    from ris.orders.models import ScheduledStep
    from ris.orders.services import arrive
    from tests.factories import TESTER

    here = placed()
    placed()
    arrive(ScheduledStep.objects.get(procedure__order__accession=here).pk, actor=TESTER, at=NOON)
    assert found(query(), device=device(listed_states=["arrived"])) == [here]


def test_attributes_may_be_left_out() -> None:
    placed()
    who = device(left_out=["00100030"])
    _, (entry,), _ = ask(query(), device=who)
    assert "PatientBirthDate" not in entry
    assert "PatientID" in entry


def test_values_may_go_out_uncut() -> None:
    placed(reason="x" * 80)
    asked = query(ReasonForTheRequestedProcedure="")
    assert len(ask(asked, device=device(cut_long_values=False))[1][0].ReasonForTheRequestedProcedure) == 80


def test_answers_come_in_the_devices_character_set() -> None:
    placed(patient=PatientFactory(family_name="Zzmüller", search_name="ZZMULLER^ALPHA"))
    who = device(character_set="ISO_IR 192")
    _, (entry,), _ = ask(query(), device=who)
    assert (entry.SpecificCharacterSet, entry.PatientName.family_name) == ("ISO_IR 192", "Zzmüller")
