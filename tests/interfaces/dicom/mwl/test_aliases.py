"""A confidential patient on the modality worklist: exam as usual, name for nobody."""

from __future__ import annotations

from interfaces.dicom.reconciliation.patient_check import DescribedPatient, find_patient_doubts
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.patients.matching import Traits
from ris.patients.services import mark_confidential
from tests.factories import TESTER, PatientFactory, make_order
from tests.interfaces.dicom.scu import STEP, findscu

KEYS = ("PatientID", "PatientAddress", "AccessionNumber", "PatientName")


def listed(port: int, name: str = "") -> list[tuple[str, str, str]]:
    keys = [f"PatientName={name}" if name and key == "PatientName" else key for key in KEYS]
    rows = findscu(port, STEP + "ScheduledStationAETitle=CT1", *keys)
    return [(str(row.PatientID), str(row.PatientName), str(row.PatientAddress or "")) for row in rows]


def test_the_scanner_lists_an_alias_where_the_site_says_so(dicom: int) -> None:
    patient = PatientFactory(number="ZZ1", family_name="ZZHIDDEN", middle_name="Beta", address="1 Test St")
    make_order(patient=patient, at=now())
    make_order(patient=PatientFactory(number="ZZ2", family_name="ZZPLAIN"), at=now())
    assert ("ZZ1", "ZZHIDDEN^Alpha^Beta", "1 Test St") in listed(dicom)
    alias = mark_confidential(patient.pk, "vip", reason="asked", actor=TESTER, at=now()).alias

    assert ("ZZ1", alias, "") in listed(dicom) and len(listed(dicom)) == 2, "at once, also where the row was cached"
    assert listed(dicom, "ZZHIDDEN*") == [], "the name finds nothing"
    assert listed(dicom, "CONF*") == [("ZZ1", alias, "")]
    assert [row[0] for row in listed(dicom, "ZZ*")] == ["ZZ2"]

    described = Traits(family=alias.split("^")[0], given=alias.split("^")[1], birth_date=patient.birth_date, sex="F")
    assert (
        find_patient_doubts(DescribedPatient("ZZ1", traits=described), patient.__class__.objects.get(pk=patient.pk))
        == []
    )

    Site.objects.update(alias_confidential=False)
    assert ("ZZ1", "ZZHIDDEN^Alpha^Beta", "1 Test St") in listed(dicom)
    assert [row[0] for row in listed(dicom, "ZZHIDDEN*")] == ["ZZ1"]
