"""Made-up readers and cases."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta
from typing import Any

from ris.catalog.models import Procedure, Site, Subspecialty
from ris.orders.models import Order, RequestedProcedure
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, PatientFactory, SiteFactory, SubspecialtyFactory, make_order, make_user, perform
from worklist.models import ReaderProfile, ReadingItem, Shift, Skill
from worklist.services import open_item


def make_shift(reader: User, **fields: Any) -> Shift:
    """Round the clock every day, unless told otherwise."""
    values: dict[str, Any] = {
        "name": "Reading",
        "zone": "UTC",
        "first_day": date(2026, 1, 1),
        "start_time": time(0),
        "end_time": time(0),
        "rrule": "FREQ=DAILY",
        "uid": uuid.uuid4().hex,
    }
    return Shift.objects.create(reader=reader, **(values | fields))


def make_reader(
    name: str = "reader",
    *,
    role: Role = Role.RADIOLOGIST,
    sites: tuple[Site, ...] | None = None,
    skills: tuple[str, ...] = ("neuro",),
    secondary: tuple[str, ...] = (),
    on_shift: bool = True,
    **profile: Any,
) -> User:
    """A radiologist on shift at the north site with a primary skill in neuro, unless told otherwise."""
    user = make_user(name, role, sites=(SiteFactory(),) if sites is None else sites)
    for level, codes in ((Skill.PRIMARY, skills), (Skill.SECONDARY, secondary)):
        for code in codes:
            Skill.objects.create(reader=user, subspecialty=SubspecialtyFactory(code=code), level=level)
    ReaderProfile.objects.create(user=user, **({"most_claims": 3} | profile))
    if on_shift:
        make_shift(user)
    return user


def make_item(*, at: datetime = NOON, **order: Any) -> ReadingItem:
    """A CT head, exam done, opened for reading at ``at``; ``order`` overrides what was ordered."""
    placed = make_order(at=at - timedelta(minutes=30), **order)
    procedure = placed.procedures.get()
    perform(procedure, at=at - timedelta(minutes=20))
    return open_item(procedure.pk, at=at)


def make_many(number: int, *, at: datetime = NOON, site: Site | None = None) -> list[ReadingItem]:
    """Many bare cases of one patient, each ordered by itself, without the road to them: quick, for races and queues."""
    first = make_item(at=at) if site is None else make_item(at=at, site=site)
    order = first.procedure.order
    fields = {f.attname: getattr(order, f.attname) for f in Order._meta.concrete_fields if not f.unique}
    orders = Order.objects.bulk_create(
        Order(**fields | {"accession": f"B{order.pk}-{n}", "filler_number": f"B{order.pk}-{n}"})
        for n in range(number - 1)
    )
    procedures = RequestedProcedure.objects.bulk_create(
        RequestedProcedure(
            order=one,
            state="active",
            number=f"B{n}",
            study_uid=f"2.25.{uuid.uuid4().int}",
            procedure=first.procedure.procedure,
            code="CTHEADWO",
            modality="CT",
        )
        for n, one in enumerate(orders)
    )
    fields = {
        f.attname: getattr(first, f.attname)
        for f in ReadingItem._meta.concrete_fields
        if f.attname not in ("id", "procedure_id")
    }
    return [first, *ReadingItem.objects.bulk_create(ReadingItem(procedure=p, **fields) for p in procedures)]


def other_procedure(code: str, subspecialty: str, **fields: Any) -> Procedure:
    """A kind of exam of another subspecialty."""
    values = {"name": code, "modality": "CT", "body_region": "CHEST", "minutes": 15, "reading_minutes": 6, "rvu": 1}
    pool: Subspecialty = SubspecialtyFactory(code=subspecialty)
    return Procedure.objects.get_or_create(code=code, defaults={**values, **fields, "subspecialty": pool})[0]


__all__ = ["NOON", "PatientFactory", "make_item", "make_many", "make_reader", "make_shift", "other_procedure"]
