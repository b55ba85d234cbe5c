"""Questions about messages, for those who may see messages, at their sites (or at none in particular)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Count, Exists, Min, Model, OuterRef, Q, QuerySet

from ris.access.visibility import closed_patients, open_rows
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.kernel.errors import Forbidden, NotFound
from ris.patients.models import Identifier
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require, sites_for

from . import states
from .models import Destination, InboundMessage, MapEntry, OutboundMessage, Peer, ReplayJob
from .outbound.delivery import list_undelivered

M = TypeVar("M", bound=Model)
MOST_LANES = 100
"""Lanes that a page lists; with more, something is wrong with the destination itself."""


def _of_open(rows: QuerySet[M], viewer: User) -> QuerySet[M]:
    """Messages at the viewer's sites, or at none, but those about patients who are closed to them."""
    return open_rows(rows.filter(_here(viewer)), viewer)


def _names_closed(message: InboundMessage | OutboundMessage, viewer: User) -> bool:
    """Whether a message that was not understood as anybody's bears a number of a patient who is closed."""
    if message.patient_id is not None:
        return False
    numbers = Identifier.objects.filter(patient__in=closed_patients(viewer, now())).values_list("value", flat=True)
    words = set(re.split(rb"[|^~&\r\n]", bytes(message.raw)))
    return any(number.encode() in words for number in numbers)


def _here(viewer: User, site: str = "site") -> Q:
    return Q(**{f"{site}__in": sites_seen(viewer)}) | Q(**{f"{site}__isnull": True})


def inbound_for(viewer: User) -> QuerySet[InboundMessage]:
    """Messages that came in, newest first, without their bytes. ``MessageFilter`` narrows them."""
    here = _of_open(InboundMessage.objects.order_by("-pk"), viewer)
    return here.select_related("peer", "patient").defer("raw", "answer")


def sites_seen(viewer: User) -> list[int]:
    """The sites whose messages the viewer sees, beside those of no site. Raises Forbidden."""
    require(viewer, Can.SEE_MESSAGES)
    return list(sites_for(viewer, Can.SEE_MESSAGES).order_by("pk").values_list("pk", flat=True))


def needing_attention(rows: QuerySet[InboundMessage]) -> QuerySet[InboundMessage]:
    """Refused, failed or not done, and no edited or repeated copy has been applied since."""
    mended = InboundMessage.objects.filter(edit_of=OuterRef("pk"), state__in=[states.APPLIED, states.IGNORED])
    return rows.filter(state__in=[states.REFUSED, states.FAILED, states.TO_MEND], edit_of=None).exclude(Exists(mended))


def inbound_message(viewer: User, message_id: int) -> InboundMessage:
    """One such message with its bytes. Raises NotFound."""
    rows = _of_open(InboundMessage.objects.filter(pk=message_id), viewer)
    message = rows.select_related("peer", "patient").first()
    if message is None or _names_closed(message, viewer):
        raise NotFound("There is no such message.")
    return message


def outbound_for(
    viewer: User,
    *,
    state: str = "",
    kind: str = "",
    destination_id: int | None = None,
    accession: str = "",
    control_id: str = "",
    patient_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[OutboundMessage]:
    """Messages that go out, newest first."""
    rows = _of_open(OutboundMessage.objects.all(), viewer).select_related("destination").defer("raw", "answer")
    exact: dict[str, Any] = {
        "state": state, "kind": kind, "destination_id": destination_id, "lane": accession,
        "control_id": control_id, "patient_id": patient_id,
    }  # fmt: skip
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if since:
        rows = rows.filter(created_at__gte=since)
    return rows.filter(created_at__lt=until) if until else rows


def outbound_message(viewer: User, message_id: int) -> OutboundMessage:
    """One such message with its bytes. Raises NotFound."""
    rows = _of_open(OutboundMessage.objects.filter(pk=message_id), viewer)
    message = rows.select_related("destination").first()
    if message is None or _names_closed(message, viewer):
        raise NotFound("There is no such message.")
    return message


@dataclass(frozen=True, slots=True)
class Tally:
    """How many messages are in a state, and since when the oldest."""

    state: str
    count: int
    oldest: datetime | None


def inbound_tally(viewer: User, *, since: datetime) -> list[Tally]:
    """What came in since then, by state, and all that is still undecided."""
    recent = InboundMessage.objects.filter(Q(received_at__gte=since) | Q(state__in=states.OPEN))
    rows = _of_open(recent, viewer)
    counted = rows.values("state").annotate(count=Count("pk"), oldest=Min("received_at")).order_by("state")
    return [Tally(row["state"], row["count"], row["oldest"]) for row in counted]


@dataclass(frozen=True, slots=True)
class QueueTally:
    """A destination's queue: what waits in which state, and since when the oldest."""

    destination: Destination
    tallies: tuple[Tally, ...]

    @property
    def waiting(self) -> int:
        """Number of waiting messages."""
        return sum(tally.count for tally in self.tallies)

    @property
    def oldest(self) -> datetime | None:
        """When the oldest waiting message was queued; None when none waits."""
        return min((t.oldest for t in self.tallies if t.oldest), default=None)


@dataclass(frozen=True, slots=True)
class StoppedLane:
    """A lane that waits for a person: the message that holds it, and how many wait behind that."""

    message: OutboundMessage
    behind: int


def stopped_lanes(viewer: User) -> list[StoppedLane]:
    """Lanes that are held by a refused or invalid message, the longest first; at most a hundred."""
    here = _of_open(OutboundMessage.objects.all(), viewer)
    holding = here.filter(state__in=[states.STOPPED, states.INVALID]).defer("raw", "answer")
    first: dict[tuple[int, str], OutboundMessage] = {}
    for row in holding.select_related("destination").order_by("pk")[:MOST_LANES]:
        first.setdefault((row.destination_id, row.lane), row)
    waiting = here.filter(state__in=states.UNFINISHED, lane__in=[lane for _, lane in first])
    counted = waiting.values_list("destination", "lane").annotate(Count("pk")).order_by()
    counts = {(destination, lane): count for destination, lane, count in counted}
    return [StoppedLane(row, counts[key] - 1) for key, row in first.items()]


def undelivered_for(viewer: User, *, at: datetime) -> QuerySet[OutboundMessage]:
    """Report messages that no system has accepted for some minutes, or that are stuck, the oldest first."""
    return _of_open(list_undelivered(None, at=at), viewer)


def queues(viewer: User) -> list[QueueTally]:
    """Every destination with what it is owed."""
    rows = _of_open(OutboundMessage.objects.filter(state__in=states.UNFINISHED), viewer)
    counted = rows.values("destination", "state").annotate(count=Count("pk"), oldest=Min("created_at"))
    by_destination: dict[int, list[Tally]] = {}
    for row in counted.order_by("state"):
        by_destination.setdefault(row["destination"], []).append(Tally(row["state"], row["count"], row["oldest"]))
    return [QueueTally(d, tuple(by_destination.get(d.pk, ()))) for d in Destination.objects.order_by("name")]


def destination_for(viewer: User, destination_id: int) -> Destination:
    """One destination. Raises NotFound."""
    require(viewer, Can.SEE_MESSAGES)
    return one_of(Destination.objects.all(), destination_id)


def peers_for(viewer: User) -> QuerySet[Peer]:
    """The systems that send to us."""
    return Peer.objects.filter(_here(viewer)).select_related("site").order_by("name")


def peer_for(viewer: User, peer_id: int) -> Peer:
    """One of them. Raises NotFound."""
    return one_of(peers_for(viewer), peer_id)


def require_house(viewer: User) -> None:
    """Raise Forbidden unless the viewer sees the messages of every site: what holds for all peers holds for all."""
    if Site.objects.exclude(pk__in=sites_seen(viewer)).exists():
        raise Forbidden("These tables hold at every site; they are for those who work at all of them.", code="role")


def entries_for(viewer: User, peer_id: int | None) -> QuerySet[MapEntry]:
    """The lines of a peer's tables (None: those of all peers). Raises NotFound."""
    if peer_id is not None:
        peer_for(viewer, peer_id)
    else:
        require(viewer, Can.SEE_MESSAGES)
    return MapEntry.objects.filter(peer=peer_id).order_by("table", "given")


def entry_for(viewer: User, entry_id: int) -> MapEntry:
    """One line that the viewer may see. Raises NotFound."""
    require(viewer, Can.SEE_MESSAGES)
    entry = one_of(MapEntry.objects.all(), entry_id)
    if entry.peer_id is not None:
        peer_for(viewer, entry.peer_id)
    return entry


def one_of(rows: QuerySet[M], pk: int) -> M:
    """The row with this id. Raises NotFound."""
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound("There is no such thing.")
    return row


def replay_jobs(viewer: User) -> list[ReplayJob]:
    """The latest replays of messages that the viewer sees all of, newest first."""
    mine = set(sites_seen(viewer))
    return [job for job in ReplayJob.objects.order_by("-pk")[:100] if job.sites is None or set(job.sites) <= mine]


def replay_job(viewer: User, job_id: int) -> ReplayJob:
    """One of them. Raises NotFound."""
    mine = set(sites_seen(viewer))
    job = ReplayJob.objects.filter(pk=job_id).first()
    if job is None or not set(job.sites or ()) <= mine:
        raise NotFound("There is no such replay.")
    return job
