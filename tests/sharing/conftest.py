from __future__ import annotations

import pytest
from django.test import Client

from reporting.models import ReportVersion
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, make_user
from tests.reporting.written import signed
from tests.worklist.reading import make_reader


@pytest.fixture
def version(db: None) -> ReportVersion:
    """A final report that its patient may see; born 1945-07-14."""
    version = signed(make_reader())
    deliver_owed(at=NOON)
    return version


@pytest.fixture
def clerk(version: ReportVersion) -> User:
    return make_user("zzclerk", Role.SCHEDULER, sites=(version.report.item.site,))


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
