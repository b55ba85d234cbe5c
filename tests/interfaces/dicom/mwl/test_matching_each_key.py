from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from interfaces.dicom.mwl.identifier import MAX_VALUE_CHARACTERS
from ris.orders.intents import Code, ProcedureIntent, StepIntent
from ris.orders.models import Order, ScheduledStep
from ris.orders.services import cancel_order, complete_exam, discontinue_exam, hold_order
from ris.patients.matching import search_name
from ris.patients.models import Identifier, Patient
from tests.factories import NOON, TESTER, DeviceFactory, SiteFactory, make_order, perform
from tests.interfaces.dicom.asking import ask, found
from tests.interfaces.dicom.scu import query

pytestmark = pytest.mark.django_db


def patient(family: str, given: str = "Alpha", *, ideographic: str = "", phonetic: str = "", **fields: Any) -> Patient:
    made = Patient.objects.create(
        family_name=family,
        given_name=given,
        ideographic_name=ideographic,
        phonetic_name=phonetic,
        search_name=search_name(family, given, "", ideographic, phonetic),
        **fields,
    )
    Identifier.objects.create(patient=made, value=f"P{made.pk}", authority="NORTH")
    return made


def order(**said: Any) -> Order:
    step = {name.removeprefix("step_"): said.pop(name) for name in list(said) if name.startswith("step_")}
    code = said.pop("code", Code("CTHEADWO", system="L"))
    step = {"start": NOON} | step
    procedure = ProcedureIntent(code=code, modality=step.get("modality", ""), steps=(StepIntent(**step),))
    return make_order(procedures=(procedure,), **said)


@pytest.mark.parametrize(
    ("asked", "family"),
    [
        ("ZZMUELLER^ALPHA", "Zzmüller"),
        ("zzmueller*", None),
        ("zzmuller*", "Zzmüller"),
        ("ZZM?LLER^A*", "Zzmüller"),
        ("*LLER*", "Zzmüller"),
        ("ZZMÜLLER^ALPHA", "Zzmüller"),
        ("ZZMULLER", None),
    ],
)
def test_names_match_whatever_their_case_and_accents(asked: str, family: str | None) -> None:
    if asked == "ZZMUELLER^ALPHA":
        family, asked = "Zzmüller", "ZZMÜLLER^ALPHA^^"
    wanted = order(patient=patient("Zzmüller"))
    order(patient=patient("Zzother"))
    asking = query(PatientName=asked)
    asking.SpecificCharacterSet = "ISO_IR 192"
    assert found(asking) == ([wanted.accession] if family else [])


@pytest.mark.parametrize(
    "asked", ["ZZYAMADA^TAROU", "山田^太郎", "山田*", "やまだ^たろう", "=山田*", "==やまだ*", "ZZYAMADA*=山田*"]
)
def test_names_match_in_each_component_group(asked: str) -> None:
    wanted = order(patient=patient("Zzyamada", "Tarou", ideographic="山田^太郎", phonetic="やまだ^たろう"))
    order(patient=patient("Zzother", "Tarou"))
    asking = query(PatientName=asked)
    asking.SpecificCharacterSet = "ISO_IR 192"
    assert found(asking) == [wanted.accession]


def test_the_patient_is_found_by_any_of_their_numbers() -> None:
    person = patient("Zztest")
    Identifier.objects.create(patient=person, value="SOUTH-7", authority="SOUTH")
    wanted = order(patient=person)
    order()
    (status, *_), (entry,), _ = ask(query(PatientID="SOUTH-7", OtherPatientIDsSequence=[]))
    assert (status, entry.AccessionNumber, entry.PatientID) == (0xFF00, wanted.accession, f"P{person.pk}")
    assert [item.PatientID for item in entry.OtherPatientIDsSequence] == ["SOUTH-7"]


@pytest.mark.parametrize(
    ("dates", "times", "hits"),
    [
        ("20260310", "", [0, 1]),  # the site's day, which ends at 05:00 UTC
        ("20260310-20260311", "", [0, 1, 2]),
        ("-20260310", "", [0, 1]),
        ("20260311-", "", [2]),
        ("20260309", "", []),
        ("20260310-20260311", "1800-0800", [1, 2]),  # one interval: from the 10th at 18:00 to the 11th at 08:00
        ("20260310", "0700", [0]),
        ("20260310", "070000-075959.999", [0]),
        ("20260310", "08", []),
        ("", "0600-0730", [0, 2]),  # a time of day on any date
        ("20269999", "", []),
    ],
)
def test_date_and_time_are_one_interval_by_the_sites_clock(dates: str, times: str, hits: list[int]) -> None:
    starts = [NOON, datetime(2026, 3, 11, 3, tzinfo=UTC), datetime(2026, 3, 11, 12, tzinfo=UTC)]  # 7:00, 22:00, 7:00
    orders = [order(step_start=start) for start in starts]
    asking = query(step__ScheduledProcedureStepStartDate=dates, step__ScheduledProcedureStepStartTime=times)
    assert found(asking) == [orders[n].accession for n in hits]


def test_a_query_may_bring_its_own_time_zone() -> None:
    wanted = order(step_start=datetime(2026, 3, 10, 23, 30, tzinfo=UTC))
    at_home = query(step__ScheduledProcedureStepStartDate="20260311", TimezoneOffsetFromUTC="+0100")
    assert found(at_home) == [wanted.accession]
    assert found(query(step__ScheduledProcedureStepStartDate="20260311")) == []


@pytest.mark.parametrize(
    ("keys", "value_of"),
    [
        ("AccessionNumber", lambda o, p, s: o.accession),
        ("StudyInstanceUID", lambda o, p, s: p.study_uid),
        ("RequestedProcedureID", lambda o, p, s: p.number),
        ("step__ScheduledProcedureStepID", lambda o, p, s: s.number),
        ("PlacerOrderNumberImagingServiceRequest", lambda o, p, s: o.placer_number),
        ("FillerOrderNumberImagingServiceRequest", lambda o, p, s: o.filler_number),
        ("RequestedProcedurePriority", lambda o, p, s: o.priority),
        ("step__ScheduledProcedureStepLocation", lambda o, p, s: s.location),
        ("step__ScheduledProcedureStepDescription", lambda o, p, s: s.description),
        ("step__ScheduledStationName", lambda o, p, s: s.station_names[0]),
        ("step__ScheduledStationAETitle", lambda o, p, s: s.station_aes[0]),
        ("step__Modality", lambda o, p, s: s.modality),
        ("PatientBirthDate", lambda o, p, s: "19500102"),
        ("PatientSex", lambda o, p, s: "M"),
        ("step__ScheduledPerformingPhysicianName", lambda o, p, s: "zzdöctor^*"),
        ("RequestingPhysician", lambda o, p, s: "ZZORDER^BETA"),
        ("PatientID", lambda o, p, s: f"P{o.patient_id}"),
        ("IssuerOfPatientID", lambda o, p, s: "NORTH"),
    ],
)
def test_a_value_finds_its_line_and_another_value_does_not(keys: str, value_of: Any) -> None:
    SiteFactory()
    DeviceFactory()
    mr = DeviceFactory(ae_title="MR1", modality="MR", room="Room 9")
    wanted = order(
        patient=patient("Zztest", birth_date=date(1950, 1, 2), sex="M"),
        placer_number="PL1",
        placer_authority="EMR",
        priority="STAT",
        ordering_provider="ZZORDER^BETA",
        step_performing_physician="ZZDOCTOR^GAMMA",
        step_station_aes=(mr.ae_title,),
        step_modality="MR",
        step_description="MR of a phantom",
        step_start=NOON,
    )
    order(step_start=NOON)
    procedure = wanted.procedures.get()
    value = value_of(wanted, procedure, procedure.steps.get())

    asking = query(**{keys: value})
    asking.SpecificCharacterSet = "ISO_IR 192"
    statuses, entries, outcome = ask(asking)
    matched = [entry.AccessionNumber for entry in entries]
    if keys == "IssuerOfPatientID":
        assert len(matched) == 2
    else:
        assert matched == [wanted.accession]
    assert set(statuses[:-1]) == {0xFF00}, outcome.notes
    assert found(query(**{keys: "19010101" if keys == "PatientBirthDate" else "NOSUCH"})) == []


def test_codes_are_matched_in_their_sequences() -> None:
    from pydicom.dataset import Dataset

    wanted = order(code=Code("SPECIAL", "A special exam", "99WET"), step_modality="CT")
    order()
    item = Dataset()
    item.CodeValue = "SPECIAL"
    (_, *_), (entry,), _ = ask(query(RequestedProcedureCodeSequence=[item]))
    assert entry.AccessionNumber == wanted.accession
    code = entry.RequestedProcedureCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == ("SPECIAL", "99WET", "A special exam")


def test_several_values_match_any_of_them() -> None:
    first, second = order(), order()
    order()
    assert found(query(AccessionNumber=[first.accession, second.accession])) == [first.accession, second.accession]


def test_a_held_order_is_not_listed() -> None:
    hold_order(order().pk, reason="asked to wait", actor=TESTER, at=NOON)
    assert found(query()) == []


@pytest.mark.parametrize("state", ["started", "completed", "cancelled", "discontinued"])
def test_a_step_that_waits_no_more_is_hidden_unless_its_status_is_asked_for(state: str) -> None:
    placed = order()
    performed = perform(placed.procedures.get(), complete=False) if state != "cancelled" else None
    if performed is None:
        cancel_order(placed.pk, reason="not needed", actor=TESTER, at=NOON)
    elif state == "completed":
        complete_exam(performed.mpps_uid, ended_at=NOON, actor=TESTER, at=NOON)
    elif state == "discontinued":
        discontinue_exam(performed.mpps_uid, ended_at=NOON, actor=TESTER, at=NOON)
    assert found(query()) == []
    asked = query(step__ScheduledProcedureStepStatus=state.upper())
    assert found(asked) == ([] if state == "cancelled" else [placed.accession])  # a cancelled order is gone for good


def test_a_step_that_nobody_performed_leaves_the_list() -> None:
    wanted = order()
    assert found(query(), at=NOON + timedelta(hours=71)) == [wanted.accession]
    assert found(query(), at=NOON + timedelta(hours=73)) == []


class TestStations:
    def test_a_station_that_no_device_here_has_is_kept_and_matched(self) -> None:
        wanted = order(step_station_aes=("ELSEWHERE",), step_modality="CT")
        order()
        assert found(query(step__ScheduledStationAETitle="ELSEWHERE")) == [wanted.accession]
        assert Order.objects.get(pk=wanted.pk).flags == ["unknown station"]

    def test_each_of_several_stations_finds_the_step(self) -> None:
        DeviceFactory(ae_title="CT2")
        wanted = order(step_station_aes=("CT1", "CT2", "CT9"))
        for title in ("CT1", "CT2", "CT9"):
            (entry,) = ask(query(step__ScheduledStationAETitle=title))[1]
            assert entry.AccessionNumber == wanted.accession
            assert list(entry.ScheduledProcedureStepSequence[0].ScheduledStationAETitle) == ["CT1", "CT2", "CT9"]

    def test_a_step_without_a_station_is_on_everyones_list_only(self) -> None:
        wanted = order(step_modality="XA")
        ScheduledStep.objects.filter(procedure__order=wanted).update(device=None, station_aes=[])
        assert found(query()) == [wanted.accession]
        assert found(query(step__ScheduledStationAETitle="CT1")) == []

    def test_wildcards_match_stations(self) -> None:
        wanted, stray = order(), order(step_station_aes=("CTX",), step_modality="CT")
        assert found(query(step__ScheduledStationAETitle="CT*")) == [wanted.accession, stray.accession]


def test_a_value_may_have_as_many_stars_as_fit_and_not_one_character_more() -> None:
    wanted = order(patient=patient("Zztest"))
    assert found(query(PatientName="ZZTEST" + "*" * (MAX_VALUE_CHARACTERS - 6))) == [wanted.accession]
    assert ask(query(PatientName="ZZTEST" + "*" * (MAX_VALUE_CHARACTERS - 5)))[0] == [0xA900]
