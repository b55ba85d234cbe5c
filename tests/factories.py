"""Made-up rows for tests. Every person here looks made up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import factory

from ris.audit.services import Actor
from ris.catalog.models import Device, Procedure, Site, Subspecialty
from ris.orders.intents import Code, OrderIntent, PerformedIntent, ProcedureIntent, StepIntent
from ris.orders.models import Order, PerformedStep, RequestedProcedure
from ris.orders.services import complete_exam, place_order, start_exam
from ris.patients.matching import search_name
from ris.patients.models import Identifier, Patient
from ris.patients.services.identity import write_name_tokens
from ris.people.models import User
from ris.people.roles import Role
from ris.people.services import grant

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
TESTER = Actor.job("tester")


class SiteFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Site
        django_get_or_create = ("code",)

    code = "north"
    name = factory.LazyAttribute(lambda site: f"{site.code.title()} Hospital")
    time_zone = "America/Chicago"
    accession_prefix = factory.LazyAttribute(lambda site: site.code[:2].upper())
    assigning_authority = factory.LazyAttribute(lambda site: site.code.upper())


class SubspecialtyFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Subspecialty
        django_get_or_create = ("code",)

    code = "neuro"
    name = factory.LazyAttribute(lambda row: row.code.title())


class DeviceFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Device
        django_get_or_create = ("ae_title",)

    site = factory.SubFactory(SiteFactory)
    ae_title = "CT1"
    name = factory.LazyAttribute(lambda device: f"STATION_{device.ae_title}")
    modality = "CT"
    room = "Room 1"


class ProcedureFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Procedure
        django_get_or_create = ("code",)

    code = "CTHEADWO"
    name = "CT head without contrast"
    cpt = "70450"
    modality = "CT"
    body_region = "HEAD"
    subspecialty = factory.SubFactory(SubspecialtyFactory)
    minutes = 15
    reading_minutes = 5
    rvu = "0.85"


class PatientFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Patient
        skip_postgeneration_save = True

    family_name = factory.Sequence(lambda n: f"ZZTEST{n}")
    given_name = "Alpha"
    birth_date = date(1945, 7, 14)
    sex = "F"
    search_name = factory.LazyAttribute(lambda p: search_name(p.family_name, p.given_name, ""))

    @factory.post_generation
    def number(patient: Patient, create: bool, value: str | None, **kwargs: Any) -> None:
        if create:
            Identifier.objects.create(patient=patient, value=value or f"T{patient.pk:06d}", authority="NORTH")
            write_name_tokens(patient)


def make_user(name: str, *roles: Role, sites: tuple[Site, ...] = (), **fields: Any) -> User:
    """A user with these roles at these sites; the password is the name."""
    user = User.objects.create_user(name, password=name, **fields)
    grant(user, roles=roles, sites=sites, actor=TESTER, at=NOON)
    return user


def make_order(*, patient: Patient | None = None, site: Site | None = None, at: datetime = NOON, **said: Any) -> Order:
    """A CT head on CT1, placed through the service. ``said`` overrides fields of the OrderIntent."""
    site = site or SiteFactory()
    ProcedureFactory()
    DeviceFactory(site=site, ae_title="CT1" if site.code == "north" else f"CT_{site.code[:10].upper()}")
    procedures = (ProcedureIntent(code=Code("CTHEADWO", system="L"), steps=(StepIntent(start=at),)),)
    intent = {
        "site_id": site.pk,
        "patient_id": (patient or PatientFactory()).pk,
        "source": "test",
        "procedures": procedures,
    }
    return place_order(OrderIntent(**(intent | said)), actor=TESTER, at=at)


def perform(
    procedure: RequestedProcedure, *, at: datetime = NOON, minutes: int = 10, complete: bool = True
) -> PerformedStep:
    """Begin the exam of all its steps (and, unless told otherwise, complete it) as a device would."""
    steps = tuple(procedure.steps.values_list("pk", flat=True))
    intent = PerformedIntent(
        started_at=at,
        step_ids=steps,
        study_uid=procedure.study_uid,
        accession=procedure.order.accession,
        station_ae="CT1",
        modality=procedure.modality,
    )
    performed = start_exam(intent, actor=TESTER, at=at)
    if complete:
        end = at + timedelta(minutes=minutes)
        performed = complete_exam(performed.mpps_uid, ended_at=end, actor=TESTER, at=end)
    return performed
