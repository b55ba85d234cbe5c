"""Encodings are kept by the version of the rows they were made from: whatever changes, the next answer says it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydicom.dataset import Dataset

from interfaces.dicom.mwl import query as mwl_query
from interfaces.dicom.mwl.encoding import encode_entry
from ris.catalog.models import Site
from ris.orders.models import Order, RequestedProcedure, ScheduledStep
from ris.patients.models import Identifier, Patient, Visit
from tests.factories import NOON, make_order
from tests.interfaces.dicom.asking import ask
from tests.interfaces.dicom.scu import query

pytestmark = pytest.mark.django_db(transaction=True)


def asked() -> Dataset:
    keys = {"InstitutionName": "", "CurrentPatientLocation": "", "OtherPatientIDsSequence": [], "PatientID": ""}
    return query(step__Modality="CT", ReasonForTheRequestedProcedure="", **keys)


def answer() -> str:
    (entry,) = ask(asked())[1]
    return str(entry)


def _visit(location: str) -> None:
    order = Order.objects.get()
    values = {"number": "V1", "authority": "NORTH", "location": location}
    visit, _ = Visit.objects.update_or_create(patient=order.patient, site=order.site, defaults=values)
    Order.objects.update(visit=visit)


CHANGES: list[tuple[str, Callable[[], object]]] = [
    ("ZZSTEP", lambda: ScheduledStep.objects.update(description="ZZSTEP")),
    ("ZZEXAM", lambda: RequestedProcedure.objects.update(code_text="ZZEXAM")),
    ("ZZREASON", lambda: Order.objects.update(reason="ZZREASON")),
    ("ZZNAME", lambda: Patient.objects.update(family_name="ZZNAME")),
    ("ZZHOUSE", lambda: Site.objects.update(name="ZZHOUSE")),
    ("ZZBED1", lambda: _visit("ZZBED1")),
    ("ZZBED2", lambda: _visit("ZZBED2")),
    ("ZZNUMBER", lambda: Identifier.objects.update(value="ZZNUMBER")),
    (
        "ZZSECOND",
        lambda: Identifier.objects.create(
            patient=Patient.objects.get(), value="ZZSECOND", authority="ZZELSEWHERE", kind="MR"
        ),
    ),
]


def test_a_change_of_any_row_behind_a_line_is_in_the_next_answer() -> None:
    make_order(at=NOON)
    for word, change in CHANGES:
        before = answer()
        assert before == answer()
        assert word not in before
        change()
        assert word in answer(), word


def test_what_did_not_change_is_not_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def counted(*args: object, **options: object) -> object:
        made.append(1)
        return encode_entry(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(mwl_query, "encode_entry", counted)
    for minutes in (0, 5):
        make_order(at=NOON.replace(minute=minutes))
    for _ in range(3):
        assert len(ask(query(step__Modality="CT", PatientComments=""))[1]) == 2
    assert len(made) == 2
    ScheduledStep.objects.filter(pk=ScheduledStep.objects.order_by("pk")[0].pk).update(location="Room 2")
    assert len(ask(query(step__Modality="CT", PatientComments=""))[1]) == 2
    assert len(made) == 3
