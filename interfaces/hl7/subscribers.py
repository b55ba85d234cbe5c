"""Facts → messages owed to destinations.

One function for all facts, because the relay keeps order per subscriber and
stream: two functions could overtake each other.
"""

from __future__ import annotations

from reporting.events import AddendumAdded, PreliminaryReleased, ReportEvent, ReportSigned
from reporting.models import ReportVersion
from ris.kernel.events import Event, subscribe
from worklist.events import ItemOpened
from worklist.models import ReadingItem

from .build.results import result
from .early_results import attach_early
from .outbox import owe, wanting

KINDS: dict[type[Event], str] = {
    PreliminaryReleased: "report.preliminary",
    ReportSigned: "report.final",
    AddendumAdded: "report.addendum",
}
"""Fact → the kind of message that tells of it. Adding one: a line here, a builder, a kind in docs/interfaces/hl7.md."""


@subscribe(ItemOpened)
def attach_what_came_early(event: ItemOpened) -> None:
    """Give the case the results that came before it was open."""
    attach_early(ReadingItem.objects.select_related("procedure__order").get(pk=event.item_id), at=event.at)


@subscribe(PreliminaryReleased, ReportSigned, AddendumAdded)
def tell_destinations(event: ReportEvent) -> None:
    """Owe every destination that wants to hear of it a message."""
    kind = KINDS[type(event)]
    destinations = wanting(kind)
    if not destinations:
        return
    version = ReportVersion.objects.select_related("report__procedure__order__patient", "author").get(
        pk=event.version_id
    )
    order = version.report.procedure.order
    for destination in destinations:
        owe(
            destination,
            kind=kind,
            lane=event.stream,
            source=f"report-version:{version.pk}",
            build=lambda d, control_id, at: result(d, version, control_id, at),
            patient_id=order.patient_id,
            site_id=order.site_id,
            at=event.at,
        )
