"""One message on its way through: what was read, from whom, and what it has done so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cached_property

from django.db.models import Model

from ris.audit.actor import Actor
from ris.catalog.models import Site
from ris.kernel.db.statements import Kept
from ris.kernel.errors import Invalid

from ..models import Peer
from ..translation.code_tables import Mapping, mapping_of
from ..v2 import datatypes
from ..v2.header import Header
from ..v2.parser import Message, Segment

_SITES = Kept(lambda *codes: Site.objects.filter(code__in=codes), steady=True)


@dataclass
class Incoming:
    """What a handler works with. ``at`` is the present, ``message_at`` what the sender says it is (UTC)."""

    message: Message
    header: Header
    peer: Peer
    address: str
    at: datetime
    warnings: list[str] = field(default_factory=list)
    effects: list[tuple[str, str, int]] = field(default_factory=list)
    message_id: int | None = None
    patient_id: int | None = None
    accession: str = ""
    placer_number: str = ""
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
        found = {site.code: site for site in _SITES.all(*codes)} if codes else {}
        return next((found[code] for code in codes if code in found), None)

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
        return datatypes.zone_named(self.peer.time_zone or self.site.time_zone)

    @cached_property
    def authority(self) -> str:
        """Who issued identifiers that come without an authority."""
        return self.peer.authority or self.site.assigning_authority

    @cached_property
    def message_at(self) -> datetime:
        """When it was said: MSH-7, else EVN-2, else now."""
        for text in (self.header.time, self.message.get("EVN", 2)):
            said = datatypes.parse_moment(text, self.zone) if text else None
            if said:
                return said
        self.warn("MSH-7 names no moment; the time of arrival counts.")
        return self.at

    @property
    def rank(self) -> tuple[str, int, str]:
        """Orders messages by when they were said, ties by control id (9 before 10), however they arrive."""
        control_id = self.header.control_id
        return self.message_at.astimezone(UTC).isoformat(), len(control_id), control_id

    def warn(self, sentence: str) -> None:
        """Tell a person something odd that did not stop the message. No patient data."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def did(self, verb: str, thing: Model) -> None:
        """Note a change, such as ("placed", order)."""
        effect = (verb, thing._meta.object_name or "", thing.pk)
        if effect not in self.effects:
            self.effects.append(effect)

    def clip(self, text: str, most: int, place: str) -> str:
        """``text`` of at most so many characters; what is cut off is warned about."""
        if len(text) <= most:
            return text
        self.warn(f"{place} was cut to {most} characters.")
        return text[:most]

    def moment(self, segment: Segment, number: int, component: int = 1) -> datetime | None:
        """A time in a field; an unreadable one is warned about and counts as not said."""
        text = segment.text(number, component)
        found = datatypes.parse_moment(text, self.zone) if text else None
        if text and found is None:
            self.warn(f"{segment.place(number)} is not a time; ignored.")
        return found
