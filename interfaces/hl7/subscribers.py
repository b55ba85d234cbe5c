"""Subscribers: events → messages queued for destinations, early results, and replays after a merge.

One function for all facts, because the relay keeps order per subscriber and
stream: two functions could overtake each other.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q

from ris.audit.services import Actor
from ris.kernel.events import Event, subscribe
from ris.orders.events import ExamDiscontinued, ExamReturned, ExamUnlinked, OrderEvent, OrderReinstated
from ris.orders.models import Order
from ris.patients.events import IdentityDecided, PatientsMerged
from ris.patients.models import Identifier
from worklist.events import ItemOpened
from worklist.models import ReadingItem

from . import states
from .inbound.orders.acting import Afterwards
from .inbound.orders.history import OTHER_PATIENT, reapply
from .inbound.results.early_results import attach_early, attach_recognised
from .inbound.results.ownership import OTHER_PATIENT as RESULT_OF_ANOTHER
from .models import Destination, InboundMessage
from .operations.services import replay
from .outbound.queue import enqueue_event
from .outbound.triggers import TRIGGER_EVENTS
from .selectors import needing_attention


@subscribe(ItemOpened, name="hl7.attach_early_results")
def attach_early_results(event: ItemOpened) -> None:
    """Give the case the results that came before it was open."""
    attach_early(ReadingItem.objects.select_related("procedure__order").get(pk=event.item_id), at=event.at)


@subscribe(OrderReinstated, ExamDiscontinued, ExamReturned, ExamUnlinked, name="hl7.reapply_order_history")
def reapply_order_history(event: OrderEvent) -> None:
    """Bring an order once more to all that was said of it: it stands again, or its exam has come to nothing."""
    order = Order.objects.get(pk=event.order_id)
    reapply(order, Afterwards(event.at), revive=isinstance(event, OrderReinstated))


OTHER_PATIENTS = "These identifiers belong to different patients; merge them first."
OTHER_VISIT = "This visit number belongs to another patient."
MAY_CURE = (OTHER_PATIENT, OTHER_PATIENTS, OTHER_VISIT, RESULT_OF_ANOTHER)
LOOK_BACK = timedelta(days=30)


@subscribe(PatientsMerged, name="hl7.replay_after_merge")
def replay_after_merge(event: PatientsMerged) -> None:
    """Replay messages of these patients that were not applied because the two were not known to be one yet."""
    refused = InboundMessage.objects.filter(
        state__in=(states.REFUSED, states.TO_MEND), reason__in=MAY_CURE, received_at__gt=event.at - LOOK_BACK
    )
    numbers = list(Identifier.objects.filter(patient=event.patient_id).values_list("value", flat=True))
    for message in needing_attention(refused).order_by("pk"):
        if _names_one_of(message, numbers):
            replay(message.pk, reason="patients were merged", actor=Actor.job("merge"), at=event.at)


def _names_one_of(message: InboundMessage, numbers: list[str]) -> bool:
    """Whether one of the patient numbers stands in the message, in whatever field and character set."""
    raw = bytes(message.raw)
    return any(number.encode(codec, "ignore") in raw for number in numbers for codec in ("utf-8", "utf-16-le"))


@subscribe(IdentityDecided, name="hl7.replay_after_identity")
def replay_after_identity(event: IdentityDecided) -> None:
    """Replay the message that was held, or attach what it left, once a person has said that it means this patient."""
    if not event.same or event.message_id is None:
        return
    held = Q(state=states.REFUSED) | Q(state=states.TO_MEND, kind="SIU")
    for message in needing_attention(InboundMessage.objects.filter(held, pk=event.message_id)):
        replay(message.pk, reason="the patient was recognised", actor=Actor.job("identity"), at=event.at)
    attach_recognised(event.message_id, at=event.at)


@subscribe(*TRIGGER_EVENTS, name="hl7.queue_for_destinations")
def queue_for_destinations(event: Event) -> None:
    """Queue a message for each destination that wants this kind of event."""
    enqueue_event(event, list(Destination.objects.filter(enabled=True).order_by("pk")))
