"""What a destination wants and how, set by a program: checked, audited, and in what is sent from then on."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from interfaces.hl7.models import Destination, OutboundMessage
from ris.audit.models import AuditEvent
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_order, make_user

pytestmark = pytest.mark.django_db


def client(user: User) -> APIClient:
    api = APIClient()
    api.force_authenticate(user)
    return api


def test_options_that_a_program_sets_decide_what_is_sent_from_then_on() -> None:
    to = Destination.objects.create(name="ARCHIVE", kinds=[])
    api = client(make_user("zzanalyst", Role.ANALYST, sites=(SiteFactory(),)))
    url = f"/api/hl7/destinations/{to.pk}/"
    answer = api.patch(url, {"kinds": ["order.scheduled"], "options": {"imaging_orders": "OMI"}}, format="json")
    assert answer.status_code == 200, answer.data
    assert (answer.data[0]["kinds"], answer.data[0]["options"]) == (["order.scheduled"], {"imaging_orders": "OMI"})
    make_order()
    for _ in range(3):
        deliver_owed(at=NOON)
    assert b"OMI^O23" in bytes(OutboundMessage.objects.get().raw)
    audited = AuditEvent.objects.get(action="destination.options")
    assert audited.detail["before"] == {"kinds": [], "filters": {}, "options": {}}


@pytest.mark.parametrize(
    "body",
    [{"kinds": ["report.finl"]}, {"options": {"pdf": "yes"}}, {"filters": {"site": "north"}}, {"kinds": "all"}],
)
def test_an_option_that_nobody_would_look_at_is_refused_and_nothing_changes(body: dict[str, object]) -> None:
    to = Destination.objects.create(name="ARCHIVE", kinds=[])
    api = client(make_user("zzanalyst", Role.ANALYST, sites=(SiteFactory(),)))
    assert api.patch(f"/api/hl7/destinations/{to.pk}/", body, format="json").status_code == 400
    to.refresh_from_db()
    assert (to.kinds, to.filters, to.options) == ([], {}, {})


def test_who_mends_no_messages_sets_no_options() -> None:
    to = Destination.objects.create(name="ARCHIVE", kinds=[])
    api = client(make_user("zzreader", Role.RADIOLOGIST, sites=(SiteFactory(),)))
    assert api.patch(f"/api/hl7/destinations/{to.pk}/", {"kinds": []}, format="json").status_code == 403
