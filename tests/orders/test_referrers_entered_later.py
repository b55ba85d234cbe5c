"""Orders that came before there was an address book get their entries by a command."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from ris.orders.models import Order
from ris.people.models import Practitioner
from tests.factories import make_order, make_user

pytestmark = pytest.mark.django_db


def said() -> str:
    out = StringIO()
    call_command("referrers", together=2, stdout=out)
    return out.getvalue()


def test_old_orders_get_the_entry_and_the_account_of_who_ordered_them() -> None:
    orders = [make_order().procedures.get().order for _ in range(5)]
    Order.objects.update(practitioner=None, referrer=None, source="NORTH", ordering_provider_authority="")
    Order.objects.filter(pk__in=[order.pk for order in orders[:3]]).update(
        ordering_provider="ZZDOC^RITA", ordering_provider_id="D9"
    )
    Order.objects.filter(pk__in=[order.pk for order in orders[3:]]).update(
        ordering_provider="", ordering_provider_id=""
    )
    assert said().startswith("3 orders")
    entry = Practitioner.objects.get(name="ZZDOC^RITA")
    assert set(Order.objects.filter(practitioner=entry)) == set(orders[:3])
    assert not Order.objects.filter(pk__in=[order.pk for order in orders[3:]]).exclude(practitioner=None)
    assert said().startswith("0 orders")


def test_who_has_an_account_sees_the_old_orders_as_theirs() -> None:
    order = make_order().procedures.get().order
    account = make_user("zzrita")
    Practitioner.objects.all().delete()
    Order.objects.update(
        practitioner=None, referrer=None, source="NORTH", ordering_provider="ZZDOC^RITA", ordering_provider_id="D9"
    )
    said()
    Practitioner.objects.filter(name="ZZDOC^RITA").update(account=account)
    Order.objects.update(practitioner=None, referrer=None)
    said()
    order.refresh_from_db()
    assert order.referrer == account
