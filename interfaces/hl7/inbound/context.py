"""One message on its way through: what was read, from whom, and what it has done so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from zoneinfo import ZoneInfo

from django.db.models import Model

from ris.audit.services import Actor
from ris.catalog.models import Site
from ris.kernel.errors import Conflict, Invalid

from ..models import Peer
from ..translation.code_tables import Mapping, mapping_of
from ..v2.datatypes import parse_moment
from ..v2.header import Header
from ..v2.parser import Message, Segment
from .orders.statements import Rank
from .prepared_queries import SITES_BY_CODE

# A clock that is wrong by a time zone keeps the order of its own messages; one further ahead is not believed.
_MOST_AHEAD = timedelta(days=1)


@dataclass
class Incoming:
    """What a handler works with. ``at`` is the present, ``message_at`` when the sender said it (UTC).

    ``received_at`` and ``arrival`` (an id that grows) tell when the message came; of an edited copy its original.
    """

    message: Message
    header: Header
    peer: Peer
    address: str
    at: datetime
    received_at: datetime
    arrival: int
    warnings: list[str] = field(default_factory=list)
    effects: list[tuple[str, str, int]] = field(default_factory=list)
    message_id: int | None = None
    patient_id: int | None = None
    accession: str = ""
    placer_number: str = ""
    unmet: list[str] = field(default_factory=list)
    """What the message asked for and was not done, in sentences: a person has to mend it."""
    unknown: list[tuple[str, str, str]] = field(default_factory=list)
    """Values that no translation table knows: (table, value, its name)."""
    unable: set[str] = field(default_factory=set)
    """Placer numbers of orders that could not be cancelled, because their exam has begun."""

    @cached_property
    def actor(self) -> Actor:
        """The sender, as the audit trail names it."""
        return Actor.peer(self.peer.name, self.address)

    @cached_property
    def mapping(self) -> Mapping:
        """The sender's code tables."""
        return mapping_of(self.peer)

    @cached_property
    def named_site(self) -> Site | None:
        """The peer's site; else the one whose code MSH-6, MSH-4 or PV1-3.4 is (or is mapped to)."""
        if self.peer.site is not None:
            return self.peer.site
        named = (
            self.header.receiving_facility,
            self.header.sending_facility,
            self.message.get("PV1", 3, 4),
        )
        codes = [self.mapping.meaning("site", name).lower() for name in named if name]
        sites = {site.code: site for site in SITES_BY_CODE.all(*codes)} if codes else {}
        # The order of the fields decides, not that of the database.
        return next((sites[code] for code in codes if code in sites), None)

    @cached_property
    def site(self) -> Site:
        """Whose message it is: the site it names, else the first."""
        site = self.named_site or Site.objects.order_by("pk").first()
        if site is None:
            raise Invalid("No site is set up here yet.", code="207")
        return site

    @property
    def known_site(self) -> Site | None:
        """The site, if it was needed so far, or the peer's own."""
        return self.__dict__.get("site") or self.__dict__.get("named_site") or self.peer.site

    @cached_property
    def zone(self) -> tzinfo:
        """Time zone of times without an offset: the sender's, or its site's."""
        return ZoneInfo(self.peer.time_zone or self.site.time_zone)

    @cached_property
    def authority(self) -> str:
        """Who issued identifiers that come without an authority."""
        return self.peer.authority or self.site.assigning_authority

    @cached_property
    def message_at(self) -> datetime:
        """When it was said: MSH-7, else EVN-2; when it came where none is said, or one more than a day ahead."""
        sent_at = self.message_at_as_said
        return self.received_at if sent_at - self.received_at > _MOST_AHEAD else sent_at

    @cached_property
    def message_at_as_said(self) -> datetime:
        """The same, believed as it is."""
        if self.header.time and (sent_at := parse_moment(self.header.time, self.zone)):
            return sent_at
        recorded = self.message.get("EVN", 2)
        if recorded and (recorded_at := parse_moment(recorded, self.zone)):
            return recorded_at
        self.warn("MSH-7 names no moment; the time of arrival counts.")
        return self.received_at

    @property
    def rank(self) -> Rank:
        """Orders what was said about an order: by MSH-7, then by arrival.

        Nobody speaks in the future: of a clock that is ahead the arrival counts, to the second as MSH-7 has it, so that
        what comes a moment later stands.
        """
        moment = min(self.message_at_as_said, self.received_at.replace(microsecond=0))
        return moment.astimezone(UTC).isoformat(), 1, self.arrival, ""

    def note_unknown(self, table: str, given: str, text: str = "") -> None:
        """Note a value that no table knows; it is offered for mapping once the message is applied."""
        self.unknown.append((table, given, text))

    def note_unmet(self, sentence: str, place: str) -> None:
        """Note that something asked for was not done, as the sender's setting for what comes too late has it.

        Raises Conflict where such a message is to be refused.
        """
        if self.peer.too_late == "refuse":
            raise Conflict(sentence, at=place, code="206")
        self.warn(sentence)
        if self.peer.too_late == "mend" and sentence not in self.unmet:
            self.unmet.append(sentence)

    def warn(self, sentence: str) -> None:
        """Tell a person something odd that did not stop the message. No patient data."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    @property
    def guesses_modality(self) -> bool:
        """Whether the text of an unknown code may tell its modality, by the sender's setting."""
        return self.peer.unknown_modality == "text"

    def did(self, verb: str, thing: Model) -> None:
        """Note a change, such as ("placed", order)."""
        effect = (verb, thing._meta.object_name or "", thing.pk)
        if effect not in self.effects:
            self.effects.append(effect)

    def moment(self, segment: Segment, number: int, component: int = 1) -> datetime | None:
        """A time in a field; an unreadable one is warned about and counts as not said."""
        text = segment.text(number, component)
        moment = parse_moment(text, self.zone) if text else None
        if text and moment is None:
            self.warn(f"{segment.place(number)} is not a time; ignored.")
        return moment


# What the column holds, about 63 years.
_MOST_AHEAD_S = 2_000_000_000
CLOCK_TOLERANCE_S = 60
"""Seconds by which a sender's clock may be ahead before people are told: clocks that are kept right differ by less."""


def note_clock(incoming: Incoming) -> None:
    """Measure how far the sender's clock is ahead of ours, and tell people where it is.

    A clock that is behind cannot be told from a message that waited.
    """
    ahead_s = int((incoming.message_at_as_said - incoming.received_at).total_seconds())
    if ahead_s > CLOCK_TOLERANCE_S:
        incoming.warn(f"The sender's clock is {ahead_s:,} s ahead of ours; where that matters, the arrival counts.")
    peer, measured = incoming.peer, max(ahead_s, 0)
    is_news = abs(measured - peer.clock_ahead_s) > CLOCK_TOLERANCE_S and ahead_s > -CLOCK_TOLERANCE_S
    if is_news:
        peer.clock_ahead_s = min(measured, _MOST_AHEAD_S)
        Peer.objects.filter(pk=peer.pk).update(clock_ahead_s=peer.clock_ahead_s)
