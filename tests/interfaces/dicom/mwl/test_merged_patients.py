"""A merge and the modality worklist: no relay runs in these tests, as when the worker is stopped."""

from __future__ import annotations

from ris.kernel.clock import now
from ris.kernel.relay import deliver_owed
from ris.patients.models import Merge
from ris.patients.services import merge_patients, unmerge_patients
from tests.factories import TESTER, PatientFactory, make_order
from tests.interfaces.dicom.scu import STEP, findscu


def listed(port: int) -> list[tuple[str, str]]:
    """Patient ID and name as the scanner sees them."""
    rows = findscu(port, STEP + "ScheduledStationAETitle=CT1", "PatientID", "PatientName")
    return [(str(row.PatientID), str(row.PatientName)) for row in rows]


def test_the_scanner_sees_the_living_patient_as_soon_as_the_merge_is_answered(dicom: int) -> None:
    kept = PatientFactory(number="ZZ1", family_name="ZZKEPT")
    retired = PatientFactory(number="ZZ2", family_name="ZZRETIRED")
    order = make_order(patient=retired, at=now())
    merge_patients(kept.pk, retired.pk, actor=TESTER, at=now())
    assert listed(dicom) == [("ZZ1", "ZZKEPT^Alpha")]

    unmerge_patients(Merge.objects.get().pk, reason="two people", actor=TESTER, at=now())
    assert listed(dicom) == [("ZZ2", "ZZRETIRED^Alpha")]
    deliver_owed(at=now())  # the relay comes late, and to both at once
    assert order.reread().patient == retired and listed(dicom) == [("ZZ2", "ZZRETIRED^Alpha")]


def test_a_chain_of_merges_ends_at_the_last_who_lives(dicom: int) -> None:
    first, second, third = (PatientFactory(number=f"ZZ{n}", family_name=f"ZZCHAIN{n}") for n in (1, 2, 3))
    make_order(patient=first, at=now())
    merge_patients(second.pk, first.pk, actor=TESTER, at=now())
    merge_patients(third.pk, second.pk, actor=TESTER, at=now())
    assert listed(dicom) == [("ZZ3", "ZZCHAIN3^Alpha")]
