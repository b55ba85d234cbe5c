"""Facts → messages owed to destinations.

One function for all facts, because the relay keeps order per subscriber and
stream: two functions could overtake each other.
"""

from __future__ import annotations

from datetime import timedelta

from reporting.events import AddendumAdded, PreliminaryReleased, ReportEvent, ReportSigned
from reporting.models import ReportVersion
from ris.audit.actor import Actor
from ris.kernel.events import Event, subscribe
from ris.patients.events import PatientsMerged
from worklist.events import ItemOpened
from worklist.models import ReadingItem

from . import states
from .build.results import result
from .early_results import attach_early
from .models import InboundMessage
from .outbox import owe, wanting
from .selectors import needing_attention
from .services import replay
from .trails import OTHER_PATIENT

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


OTHER_PATIENTS = "These identifiers belong to different patients; merge them first."
OTHER_VISIT = "This visit number belongs to another patient."
MAY_CURE = (OTHER_PATIENT, OTHER_PATIENTS, OTHER_VISIT)
LOOK_BACK = timedelta(days=30)


@subscribe(PatientsMerged)
def take_again_what_was_early(event: PatientsMerged) -> None:
    """Replay messages that were refused because two patients were not known to be one yet."""
    refused = InboundMessage.objects.filter(
        state=states.REFUSED, reason__in=MAY_CURE, received_at__gt=event.at - LOOK_BACK
    )
    for message in needing_attention(refused).order_by("pk"):
        replay(message.pk, reason="patients were merged", actor=Actor.job("merge"), at=event.at)


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
