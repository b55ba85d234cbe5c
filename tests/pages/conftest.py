from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import PatientFactory, SiteFactory, SubspecialtyFactory, make_order, make_user, perform
from worklist.models import ReadingItem, Skill


@pytest.fixture
def site(db: None) -> Site:
    return SiteFactory()


@pytest.fixture
def item(site: Site) -> ReadingItem:
    """A case that waits to be read, opened a moment ago."""
    return open_case(site)


def open_case(site: Site, **said: object) -> ReadingItem:
    at = now() - timedelta(minutes=30)
    order = make_order(site=site, at=at, patient=PatientFactory(), **said)
    procedure = order.procedures.get()
    perform(procedure, at=at)
    deliver_owed(at=now())
    return ReadingItem.objects.get(procedure=procedure)


@pytest.fixture
def radiologist(site: Site) -> User:
    user = make_user("rada", Role.RADIOLOGIST, sites=(site,), first_name="Rada", last_name="Test")
    Skill.objects.create(reader=user, subspecialty=SubspecialtyFactory())
    return user


def client_of(user: User, **headers: str) -> Client:
    client = Client(headers=headers)
    client.force_login(user)
    return client


def noon_tomorrow() -> datetime:
    day = now().astimezone(ZoneInfo("America/Chicago")) + timedelta(days=1)
    return day.replace(hour=12, minute=0, second=0, microsecond=0)
