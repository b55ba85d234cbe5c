"""How far released reports are on their way to other systems, for those who signed them and those who lead.

The layers above own the queues. Each registers a source here, so that pages of every layer can ask without knowing
who sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

WAITING, ACCEPTED, STUCK, SKIPPED = "waiting", "accepted", "stuck", "skipped"


@dataclass(frozen=True, slots=True)
class ResultDelivery:
    """How far one system has what was released last of one procedure.

    ``at``: when the system accepted it; else since when it waits (UTC). ``reason``: why it waits or is stuck; empty
    when accepted. ``message_id`` is that of the outbound message, for those who may see messages.
    """

    system: str
    state: str
    at: datetime
    reason: str = ""
    attempts: int = 0
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class DeliverySource:
    """Who answers: ``deliveries`` by id of requested procedure; ``undelivered`` counts reports
    of these sites at a moment."""

    deliveries: Callable[[Sequence[int]], dict[int, list[ResultDelivery]]]
    undelivered: Callable[[Sequence[int], datetime], int]


_sources: list[DeliverySource] = []


def register_source(source: DeliverySource) -> None:
    """Have this source asked, too. Called once when the application starts."""
    if source not in _sources:
        _sources.append(source)


def list_deliveries(procedure_ids: Iterable[int]) -> dict[int, list[ResultDelivery]]:
    """The deliveries of each procedure, in the order of the systems' names; none for one that nobody is sent."""
    ids = list(procedure_ids)
    found: dict[int, list[ResultDelivery]] = {pk: [] for pk in ids}
    for source in _sources if ids else ():
        for pk, deliveries in source.deliveries(ids).items():
            found[pk] += deliveries
    return {pk: sorted(deliveries, key=lambda delivery: delivery.system) for pk, deliveries in found.items()}


def count_undelivered(site_ids: Sequence[int], *, at: datetime) -> int:
    """Reports of these sites that were signed and have not reached every system that wants them."""
    return sum(source.undelivered(site_ids, at) for source in _sources)


def summarize(deliveries: Iterable[ResultDelivery]) -> str:
    """One state for all: the worst of them; empty when there are none."""
    states = {delivery.state for delivery in deliveries}
    return next((state for state in (STUCK, WAITING, ACCEPTED, SKIPPED) if state in states), "")
