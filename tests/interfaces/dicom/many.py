"""Many scheduled steps at once, written in bulk."""

from __future__ import annotations

from datetime import datetime, timedelta

from ris.catalog.models import Device
from ris.orders.models import Order, RequestedProcedure, ScheduledStep
from ris.patients.models import Identifier, Patient
from tests.factories import DeviceFactory


def many_steps(count: int, *, at: datetime, device: Device | None = None) -> None:
    """``count`` orders of different patients, a second apart."""
    device = device or DeviceFactory()
    patients = Patient.objects.bulk_create(
        Patient(family_name=f"ZZMANY{n}", given_name="Alpha", search_name=f"ZZMANY{n}^ALPHA") for n in range(count)
    )
    Identifier.objects.bulk_create(
        Identifier(patient=patient, value=f"M{patient.pk}", authority="NORTH") for patient in patients
    )
    orders = Order.objects.bulk_create(
        Order(site=device.site, patient=p, accession=f"M{p.pk:07d}", state="active", placed_at=at, source="test")
        for p in patients
    )
    procedures = RequestedProcedure.objects.bulk_create(
        RequestedProcedure(
            order=order, number="1", study_uid=f"2.25.{order.pk}", code="CTHEADWO", modality="CT", state="active"
        )
        for order in orders
    )
    ScheduledStep.objects.bulk_create(
        ScheduledStep(
            procedure=procedure,
            number="1",
            modality=device.modality,
            device=device,
            station_aes=[device.ae_title],
            start=at + timedelta(seconds=n),
            state="scheduled",
        )
        for n, procedure in enumerate(procedures)
    )
