from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pynetdicom.dsutils import encode

from interfaces.dicom.models import MwlQuery
from interfaces.dicom.selectors import explain_absence
from ris.audit.models import AuditEvent
from ris.catalog.models import Device
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.orders.models import Order
from ris.orders.services import cancel_order
from tests.factories import TESTER, DeviceFactory, make_order
from tests.interfaces.dicom.scu import query

pytestmark = pytest.mark.django_db


def kept(device: Device, **keys: Any) -> MwlQuery:
    return MwlQuery.objects.create(
        at=now(),
        device=device,
        calling_ae=device.ae_title,
        address="192.0.2.7",
        identifier=encode(query(**keys), True, True) or b"",
        implicit=True,
        rows=0,
        ms=1,
        status="0000",
    )


def failed(device: Device, order: Order) -> list[str]:
    (verdict,) = explain_absence(device, order.accession, at=now()).steps
    assert verdict.listed == all(key.fits for key in verdict.keys)
    return [key.key for key in verdict.keys if not key.fits]


def test_each_key_that_failed_is_named() -> None:
    order = make_order(at=now())
    device = DeviceFactory(ae_title="MR1", modality="MR")
    kept(device, step__ScheduledStationAETitle="MR1", step__Modality="MR")
    assert failed(device, order) == ["station AE title", "modality"]


def test_an_order_on_the_list_fails_no_key() -> None:
    order = make_order(at=now())
    device = Device.objects.get(ae_title="CT1")
    kept(device, step__ScheduledStationAETitle="CT1", PatientName="ZZTEST*")
    assert failed(device, order) == []


def test_the_last_query_counts() -> None:
    order = make_order(at=now())
    device = Device.objects.get(ae_title="CT1")
    kept(device, step__Modality="CT")
    kept(device, step__ScheduledProcedureStepStartDate="20200101")
    assert failed(device, order) == ["start until"]


def test_a_cancelled_order_is_named_as_such() -> None:
    order = make_order(at=now())
    device = Device.objects.get(ae_title="CT1")
    kept(device)
    cancel_order(order.pk, reason="ordered twice", actor=TESTER, at=now())
    assert failed(device, order) == ["order and procedure", "step status"]


def test_a_device_that_never_asked_is_said_to_have_never_asked() -> None:
    order = make_order(at=now())
    assert explain_absence(Device.objects.get(ae_title="CT1"), order.accession, at=now()).query is None
    with pytest.raises(NotFound):
        explain_absence(Device.objects.get(ae_title="CT1"), "NOSUCH", at=now())


def test_the_command_says_it_in_words() -> None:
    order = make_order(at=now())
    kept(Device.objects.get(ae_title="CT1"), step__Modality="MR")
    said = StringIO()
    call_command("mwl", "explain", device="CT1", accession=order.accession, stdout=said)
    assert "NOT on the list" in said.getvalue()
    assert "NO  modality" in said.getvalue()
    assert "asked: MR   is: CT" in said.getvalue()
    assert "asked: North Hospital   is: North Hospital" in said.getvalue()
    assert AuditEvent.objects.filter(action="worklist.explain", patient=order.patient).exists()
    with pytest.raises(CommandError, match="There is no device 'CT9'"):
        call_command("mwl", "explain", device="CT9", accession=order.accession)
