"""By what a message names an order, and which order that is."""

from __future__ import annotations

from collections.abc import Collection, Container
from dataclasses import dataclass

from ris.orders.models import Order
from ris.orders.services.placement import find_order
from ris.patients.selectors import authority_names


@dataclass(frozen=True, slots=True)
class OrderKeys:
    """By what a message names an order: placer number with its authority, filler number, accession number.

    ``authority`` is its namespace, else its universal id, else the sender's name.
    """

    authority: str
    universal_id: str = ""
    placer: str = ""
    filler: str = ""
    accession: str = ""

    @property
    def name(self) -> tuple[str, str]:
        """What two groups of one message have in common when they are about one order."""
        return self.authority, self.placer or self.filler or self.accession


def find_order_by_placer(keys: OrderKeys) -> Order | None:
    """The order of that placer number; else the one whose placer is the same under its other name: the universal id
    that came with it, or what both are known by (``ris.patients.selectors.authority_names``)."""
    order = find_order(keys.authority, keys.placer)
    names, ids = ((), ()) if order else authority_names(keys.authority, keys.universal_id)
    if not names and not ids:
        return order
    orders = Order.objects.filter(placer_number=keys.placer).order_by("-placer_generation")
    return next((order for order in orders if _is_placed_by(order, names, ids)), None)


def _is_placed_by(order: Order, names: Container[str], ids: Collection[str]) -> bool:
    universal_id = next(iter(order.placer_entity[2:3]), "")
    if universal_id and ids:
        return universal_id in ids
    return order.placer_authority in names or order.placer_authority in ids


def find_order_by_other_number(keys: OrderKeys, source: str) -> Order | None:
    """Return the order of our filler number, of the one that this sender issued itself, or of the accession number."""
    lookups: list[dict[str, str]] = []
    if keys.filler:
        lookups += [{"filler_number": keys.filler}, {"sender_filler_number": keys.filler, "source": source}]
    if keys.accession:
        lookups.append({"accession": keys.accession})
    orders = (Order.objects.filter(**lookup).order_by("-pk").first() for lookup in lookups)
    return next((order for order in orders if order is not None), None)
