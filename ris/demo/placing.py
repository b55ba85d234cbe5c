"""Places, performs and reports made-up exams by the services that pages and peers use."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from reporting import services as reporting
from reporting.checks import CHECKS
from reporting.models import ReportVersion
from ris.audit.services import Actor
from ris.catalog.models import Site
from ris.orders import services as orders
from ris.orders.intents import Code, OrderIntent, ProcedureIntent, StepIntent
from ris.orders.models import Order
from ris.patients.intents import PatientIntent
from ris.patients.services.identity import resolve_patient
from ris.people.models import User
from worklist import services as worklist
from worklist.models import ReadingItem

from .emr import DemoOrder, DemoPatients

DEMO = Actor.job("demo")
EMR = "DEMOEMR"
"""The demo's EMR: source and authority of its placer numbers."""


@dataclass(frozen=True)
class Text:
    """What a made-up report says."""

    findings: str
    impression: str
    critical_level: str = ""
    critical_finding: str = ""


def place(said: DemoOrder, *, at: datetime, booked: bool = False) -> Order:
    """Place an order as the EMR does, or (``booked``) as a scheduler who reserves the time of the device.

    Raises Conflict for a time that is not free.
    """
    family, given, born, sex = DemoPatients(random.Random()).name(said.patient_number)
    person = PatientIntent(
        identifiers=((said.patient_number, said.site, "MR"),), family_name=family, given_name=given, sex=sex,
        birth_date=date.fromisoformat(born),
    )  # fmt: skip
    patient = resolve_patient(person, actor=DEMO, at=at, authoritative=True)
    step = StepIntent(start=said.start, station_aes=(said.station_ae,))
    intent = OrderIntent(
        site_id=Site.objects.get(code=said.site.lower()).pk, patient_id=patient.pk, source=EMR,
        procedures=(ProcedureIntent(code=Code(said.procedure["code"], system="L"), steps=(step,)),),
        placer_number=said.placer_number, placer_authority=EMR, priority=said.priority, reason=said.reason,
        patient_class=said.patient_class, ordering_provider="DEMO-REFERRER^RITA", ordering_provider_id="DR9",
    )  # fmt: skip
    if booked:
        return orders.book_order(intent, confirmed=True, actor=DEMO, at=at)
    return orders.place_order(intent, actor=DEMO, at=at)


def perform(order: Order, *, began: datetime, ended: datetime) -> ReadingItem:
    """Do the exam; its case, which is readable from then on."""
    step = order.procedures.get().steps.get()
    orders.arrive(step.pk, actor=DEMO, at=began - timedelta(minutes=5))
    orders.start_by_hand(step.pk, actor=DEMO, at=began)
    orders.complete_by_hand(step.pk, actor=DEMO, at=ended)
    return worklist.open_item(step.procedure_id, at=ended)


def sign(item_id: int, reader: User, text: Text, *, at: datetime) -> ReportVersion:
    """Write and sign the report of a case that the reader holds."""
    actor, sections = Actor.of_user(reader), {name: value for name, value in vars(text).items() if value}
    draft = reporting.save_draft(item_id, reader=reader, revision=0, sections=sections, actor=actor, at=at)
    overrides = dict.fromkeys(CHECKS, "A made-up report.")  # kept are those that were needed
    return reporting.sign(
        item_id, reader=reader, revision=draft.revision, overrides=overrides, actor=actor, at=at
    )  # fmt: skip
