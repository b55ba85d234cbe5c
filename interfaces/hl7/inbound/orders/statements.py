"""What one message says about one order, in plain values: what the history keeps and the projection folds.

An empty value means "not said". As JSON a statement holds only what was said, so that rows of earlier versions, which
lack later fields, stay readable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from ris.orders.intents import Code, Diagnosis, Entity, Observation, Person, PersonNumber, Recipient

NEW, CHANGE, CANCEL, HOLD, RELEASE, STATUS = "new", "change", "cancel", "hold", "release", "status"
BOOK, UNBOOK = "book", "unbook"
"""An appointment is made or moved; it is called off: the order waits."""
TELLS_CONTENT = frozenset({NEW, CHANGE})
STARTED, COMPLETED, DISCONTINUED = "started", "completed", "discontinued"

Json = dict[str, Any]
_UNSAID: tuple[object, ...] = ("", None, (), [])


@dataclass(frozen=True, slots=True)
class Step:
    """What is said of one scheduled step. ``start`` is aware, UTC."""

    number: str = ""
    modality: str = ""
    location: str = ""
    performing_physician: str = ""
    description: str = ""
    station_aes: tuple[str, ...] = ()
    station_names: tuple[str, ...] = ()
    start: datetime | None = None
    protocols: tuple[Code, ...] = ()
    cancelled: bool | None = None
    """Set by the projection: whether a message that names every step has left it out."""


@dataclass(frozen=True, slots=True)
class Procedure:
    """What is said of one requested procedure."""

    code: Code | None = None
    alternates: tuple[Code, ...] = ()
    number: str = ""
    study_uid: str = ""
    modality: str = ""
    laterality: str = ""
    steps: tuple[Step, ...] = ()
    cancelled: bool | None = None
    """Set by the projection: whether it was cancelled by number, or left out where every procedure is named."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is said of the order as a whole; the fields of ``ris.orders.intents.OrderIntent`` of the same name."""

    accession: str = ""
    sender_filler_number: str = ""
    placer_entity: Entity | None = None
    filler_entity: Entity | None = None
    group_entity: Entity | None = None
    priority: str = ""
    ordering_provider: str = ""
    ordering_provider_id: str = ""
    ordering_provider_authority: str = ""
    referrer_entity: Person | None = None
    reason: str = ""
    reason_codes: tuple[Code, ...] = ()
    clinical_info: str = ""
    comments: str = ""
    diagnoses: tuple[Diagnosis, ...] = ()
    observations: tuple[Observation, ...] = ()
    weight_kg: float | None = None
    height_m: float | None = None
    call_back_phone: str = ""
    copies_to: tuple[Recipient, ...] = ()
    transport: str = ""
    patient_state: str = ""
    patient_class: str = ""
    patient_location: str = ""
    referring_provider: str = ""
    pregnant: bool | None = None
    placed_at: datetime | None = None


Rank = tuple[str, int, int, str]


@dataclass(frozen=True, slots=True)
class Statement:
    """One message about one order.

    ``rank`` orders statements: (moment as ISO UTC, 0 for rows of before ranks by arrival, arrival, control id).
    ``arrival`` is the id of the message; of an edited copy that of its original, whose place it takes.
    ``full``: every procedure and step is named, what is left out is cancelled.
    """

    rank: Rank
    verb: str
    placer: str = ""
    status: str = ""
    progress: str = ""
    reason: str = ""
    content: Content = field(default_factory=Content)
    procedures: tuple[Procedure, ...] = ()
    full: bool = False

    @property
    def key(self) -> tuple[int, int, str, str]:
        """What a resend or an edited copy has in common with the message that it repeats."""
        return (*self.rank[1:], self.verb)

    @property
    def place(self) -> tuple[Rank, str]:
        """By which statements are sorted; of one message the verbs by the alphabet, as they always were."""
        return self.rank, self.verb


R = TypeVar("R", Step, Procedure, Content)


def said(row: Step | Procedure | Content) -> Json:
    """Return the fields that were said, by name."""
    return {f.name: value for f in fields(row) if (value := getattr(row, f.name)) not in _UNSAID}


def overlay(standing: R, more: R, *, without: tuple[str, ...] = ()) -> R:
    """Return ``standing`` with what ``more`` says; what ``more`` does not say stays."""
    changes = {name: value for name, value in said(more).items() if name not in without}
    return replace(standing, **changes) if changes else standing


def to_json(statement: Statement) -> Json:
    """Return a statement as JSON."""
    return {
        "rank": list(statement.rank),
        "verb": statement.verb,
        "placer": statement.placer,
        "status": statement.status,
        "progress": statement.progress,
        "reason": statement.reason,
        "order": _plain(statement.content),
        "procedures": [_plain(procedure) for procedure in statement.procedures],
        "full": statement.full,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Step | Procedure | Content):
        return {name: _plain(part) for name, part in said(value).items()}
    if isinstance(value, Code | Entity | Diagnosis | Observation | Person | Recipient):
        return list(astuple(value))
    return value


def from_json(row: Json) -> Statement:
    """Return the statement in a JSON row, of this version or an earlier one."""
    return Statement(
        rank=_rank(row["rank"]),
        verb=row["verb"],
        placer=row.get("placer", ""),
        status=row.get("status", ""),
        progress=row.get("progress", ""),
        reason=row.get("reason", ""),
        content=Content(**_read(row.get("order", {}), Content, _CONTENT)),
        procedures=tuple(_procedure(part) for part in row.get("procedures", ())),
        full=row.get("full", False),
    )


def _rank(row: list[Any]) -> Rank:
    """Earlier versions ranked by (moment, length of the control id, control id): these come first in their moment."""
    if len(row) == 3:
        return str(row[0]), 0, int(row[1]), str(row[2])
    return str(row[0]), int(row[1]), int(row[2]), str(row[3])


def _procedure(row: Json) -> Procedure:
    values = _read(row, Procedure, _PROCEDURE)
    return Procedure(**values | {"steps": tuple(_step(step) for step in row.get("steps", ()))})


def _step(row: Json) -> Step:
    row = dict(row)
    if protocol := row.pop("protocol", None):  # one protocol, in rows of earlier versions
        row["protocols"] = [protocol]
    return Step(**_read(row, Step, _STEP))


Reader = Callable[[Any], Any]


def _read(row: Json, kind: type[Step | Procedure | Content], readers: Mapping[str, Reader]) -> Json:
    known = {f.name for f in fields(kind)}  # a field of another version is left out
    return {n: readers[n](value) if n in readers else value for n, value in row.items() if n in known}


def _many(make: Callable[..., object]) -> Reader:
    return lambda rows: tuple(make(*row) for row in rows)


def _code(row: list[str]) -> Code | None:
    return Code(*row) if row else None


def _entity(row: list[str]) -> Entity:
    return Entity(*row)


def _person(row: list[Any]) -> Person:
    return Person(row[0], tuple(PersonNumber(*number) for number in row[1]))


_STEP: dict[str, Reader] = {
    "station_aes": tuple,
    "station_names": tuple,
    "start": datetime.fromisoformat,
    "protocols": _many(Code),
}
_PROCEDURE: dict[str, Reader] = {"code": _code, "alternates": _many(Code)}
_CONTENT: dict[str, Reader] = {
    "referrer_entity": _person,
    "placer_entity": _entity,
    "filler_entity": _entity,
    "group_entity": _entity,
    "reason_codes": _many(Code),
    "diagnoses": _many(Diagnosis),
    "observations": _many(Observation),
    "copies_to": _many(Recipient),
    "placed_at": datetime.fromisoformat,
}
"""Field → how its JSON is read, where it is not a plain value."""
