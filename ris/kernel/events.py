"""Facts that travel up: frozen, past tense, written in the transaction that made them true.

A fact is a frozen dataclass of plain values and ids (no patient data). Whoever
wants to hear of it subscribes; :func:`emit` writes one Record and one Delivery a
subscriber; the relay (``ris.kernel.relay``) delivers in commit order per stream.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar, cast

from . import doorbell
from .db.statements import insert_all
from .db.transactions import defer, lock_name
from .models import Delivery, Record

E = TypeVar("E", bound="Event")
Subscriber = Callable[[Any], None]

_kinds: dict[str, type[Event]] = {}
_subscribers: dict[str, dict[str, Subscriber]] = defaultdict(dict)
_in_transaction: dict[str, list[Subscriber]] = defaultdict(list)


@dataclass(frozen=True, kw_only=True)
class Event:
    """A fact. ``stream`` orders it among its like: the accession number, for all about one exam."""

    stream: str
    at: datetime
    kind: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.kind = cls.__name__
        if cls.kind in _kinds and _kinds[cls.kind].__module__ != cls.__module__:
            raise TypeError(f"two events are called {cls.kind}")
        _kinds[cls.kind] = cls


def subscribe(*events: type[E], name: str) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    """Have the function called, at least once and in stream order, with every such event.

    ``name`` stands in the database beside what is owed to the function, so it outlives the function's own name and
    place: it never changes without a migration of ``kernel_delivery``. Raises TypeError for a name twice.
    The function runs in a transaction of its own, which is the one that marks the delivery done.
    It must be idempotent and touch the database only.
    """

    def register(function: Callable[[E], None]) -> Callable[[E], None]:
        for event in events:
            if _subscribers[event.kind].get(name, function) is not function:
                raise TypeError(f"two functions subscribe to {event.kind} as {name}")
            _subscribers[event.kind][name] = cast(Subscriber, function)
        return function

    return register


def subscribe_in_transaction(*events: type[E]) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    """Have the function called inside :func:`emit`, in the transaction that makes the fact true.

    For the few rows of an upper layer that must never be seen to disagree with the fact, such as the patient of an
    order on the modality worklist. What it raises fails the emitter; everything else belongs into :func:`subscribe`.
    """

    def register(function: Callable[[E], None]) -> Callable[[E], None]:
        for event in events:
            if function not in _in_transaction[event.kind]:
                _in_transaction[event.kind].append(cast(Subscriber, function))
        return function

    return register


def emit(event: Event) -> Record:
    """Write the fact down in the caller's transaction and ring the relay's bell after commit.

    Deferred in a batch (``ris.kernel.db.transactions``): the Record is written, and has its id, only at its end.
    """
    body = dataclasses.asdict(event)
    del body["stream"], body["at"]
    record = Record(kind=event.kind, stream=event.stream, at=event.at, body=body)
    defer(_write_down, record)
    for function in _in_transaction[event.kind]:
        function(event)
    return record


def _write_down(records: list[Record]) -> None:
    # Locked before ids are given: the relay delivers a stream by id, and so in the order of its commits.
    lock_name(*{f"stream:{record.stream}" for record in records})
    insert_all(records)
    insert_all(
        [
            Delivery(record=record, subscriber=name, stream=record.stream, due_at=record.at)
            for record in records
            for name in _subscribers[record.kind]
        ]
    )
    doorbell.ring(doorbell.RELAY)


def revive(record: Record) -> Event:
    """The event that ``record`` was written from. Fields the class no longer has are dropped."""
    cls = _kinds[record.kind]
    known = {f.name for f in dataclasses.fields(cls)}
    return cls(stream=record.stream, at=record.at, **{k: v for k, v in record.body.items() if k in known})


def subscriber(kind: str, name: str) -> Subscriber:
    """The function registered as ``name`` for ``kind``. Raises LookupError when there is none (any more)."""
    try:
        return _subscribers[kind][name]
    except KeyError:
        raise LookupError(f"nobody called {name} subscribes to {kind}") from None
