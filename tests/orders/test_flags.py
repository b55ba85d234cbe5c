"""Flags of an order: two writers who note different things lose nothing."""

from __future__ import annotations

import pytest
from django.db import transaction

from ris.orders.models import Order
from ris.orders.services.flags import add_flag, remove_flags
from tests.factories import make_order

pytestmark = pytest.mark.django_db


@transaction.atomic
def test_two_writers_who_read_the_order_before_either_wrote_keep_both_flags() -> None:
    order = make_order()
    first, second = Order.objects.get(pk=order.pk), Order.objects.get(pk=order.pk)
    add_flag(first, "one")
    add_flag(second, "two")
    now_stored = Order.objects.get(pk=order.pk)
    assert now_stored.flags == ["one", "two"]
    assert now_stored.version == order.version + 2, "caches are keyed by the version"
    assert (second.flags, second.version) == (now_stored.flags, now_stored.version)


@transaction.atomic
def test_a_flag_is_noted_once_and_removed_alone() -> None:
    order = make_order()
    stale = Order.objects.get(pk=order.pk)
    add_flag(order, "one")
    add_flag(order, "one")
    add_flag(order, "two")
    remove_flags(stale, "one", "never noted")
    assert Order.objects.get(pk=order.pk).flags == ["two"]
    remove_flags(stale, "one")
    assert Order.objects.get(pk=order.pk).version == order.version + 1
