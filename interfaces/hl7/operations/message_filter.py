"""Filter of inbound messages, in plain values: from a page's address, REST, a command, or a job's row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Self

from django.db.models import QuerySet

from ris.kernel.errors import Invalid
from ris.kernel.values import read_id, read_moment

from .. import states
from ..models import InboundMessage
from ..selectors import needing_attention

STATES = (*dict(InboundMessage.STATES), "attention")
"""``attention``: refused or failed, and not mended since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """What to look for; empty: any. ``since`` and ``until`` are of the arrival, UTC."""

    state: str = ""
    kind: str = ""
    event: str = ""
    control_id: str = ""
    accession: str = ""
    patient_id: int | None = None
    peer_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def from_values(cls, given: Mapping[str, Any]) -> Self:
        """From text, such as a query string. A ``type`` like ``ORM^O01`` is taken apart; times without an
        offset are in the present zone. Raises Invalid at the name of a value that is none."""
        values: dict[str, Any] = {f.name: given.get(f.name) for f in fields(cls) if given.get(f.name) not in (None, "")}
        kind, _, event = str(given.get("type") or "").strip().upper().partition("^")
        values |= {name: text for name, text in (("kind", kind), ("event", event)) if text}
        for name in ("patient_id", "peer_id"):
            if name in values:
                values[name] = read_id(values[name], at=name)
        for name in ("since", "until"):
            if name in values:
                values[name] = _moment(values[name], name)
        if values.get("state", "") not in ("", *STATES):
            raise Invalid(f"The state is one of {', '.join(STATES)}.", at="state")
        return cls(**values)

    def filter_rows(self, rows: QuerySet[InboundMessage]) -> QuerySet[InboundMessage]:
        """Those of the rows that are asked for."""
        exact = {
            "kind": self.kind.upper(), "event": self.event.upper(), "control_id": self.control_id,
            "accession": self.accession, "patient_id": self.patient_id, "peer_id": self.peer_id,
            # “attention” is no state of a row: it is asked for below, by a query of its own.
            "state": "" if self.state == "attention" else self.state,
        }  # fmt: skip
        rows = rows.filter(**{name: value for name, value in exact.items() if value})
        if self.since:
            rows = rows.filter(received_at__gte=self.since)
        if self.until:
            rows = rows.filter(received_at__lt=self.until)
        return needing_attention(rows) if self.state == "attention" else rows

    def to_json(self) -> dict[str, Any]:
        """For a JSON column, or the address of a page; :meth:`of` reads it again. Ids and names of machines only."""
        given = {name: value for name, value in asdict(self).items() if value}
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in given.items()}


def _moment(value: Any, name: str) -> datetime:
    if isinstance(value, datetime):
        return value
    return read_moment(str(value), at=name).astimezone(UTC)


def select_to_replay(asked: MessageFilter, sites: list[int] | None) -> QuerySet[InboundMessage]:
    """The originals among them, oldest first, of these sites or of none (None: of all)."""
    # Originals only, since a replay makes a copy of its own. A received message waits for its first decision, and a
    # duplicate was answered as its original was.
    rows = InboundMessage.objects.filter(edit_of=None).exclude(state__in=(states.RECEIVED, states.DUPLICATE))
    if sites is not None:
        rows = rows.filter(site__in=sites) | rows.filter(site=None)
    return asked.filter_rows(rows).order_by("pk")
