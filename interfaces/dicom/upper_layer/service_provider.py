"""What the parts of the service class provider share: the services it offers, and what it asks of a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ris.kernel.db.threads import DatabaseExecutor

from ..mwl.query_log import LogEntry
from .n_services import NServices


class LimitExceeded(Exception):
    """The peer sends more than it may. Its words name the limit and go into the audit: at most 48 characters."""


@dataclass(frozen=True, slots=True)
class Services:
    """What answers the messages of all associations."""

    threads: DatabaseExecutor
    log_query: Callable[[LogEntry], None]
    sop_classes: Container[str]
    """Presentation contexts for these are accepted."""
    n_services: NServices


class Connection(Protocol):
    """What an exchange needs of its association. On the event loop, but for ``write_now`` and ``call_on_loop``."""

    paused: bool

    @property
    def established(self) -> bool:
        """Whether messages may still be written."""

    def write(self, data: bytes) -> None:
        """Write behind all that was written before."""

    def write_now(self, data: bytes) -> bytes:
        """Write from another thread what the socket takes at once; return the rest."""

    def call_on_loop(self, function: Callable[[bytes], None], data: bytes) -> None:
        """Run on the event loop, from any thread."""

    def close(self, last_pdu: bytes) -> None:
        """Write a last PDU and close."""

    def note_activity(self) -> None:
        """Begin the idle time anew."""

    def hold_bytes(self, count: int) -> None:
        """Count bytes that wait in memory; a negative number gives them back."""


A_contra = TypeVar("A_contra", contravariant=True)


class AssociationOwner(Protocol[A_contra]):
    """What an association needs of the acceptor. On the event loop, but for ``call_on_loop``."""

    loop: asyncio.AbstractEventLoop
    services: Services
    proxies: tuple[str, ...]
    """Addresses of TLS proxies: what comes from one begins with a PROXY header."""

    def add(self, association: A_contra) -> None:
        """Note a new connection."""

    def remove(self, association: A_contra) -> None:
        """Forget a connection that is gone."""

    def admit(self, association: A_contra) -> None:
        """Look the caller up, then call ``association.decide``."""

    def reserve(self, association: A_contra) -> bool:
        """Count an association that is to be accepted; False when there are too many."""

    def release(self, association: A_contra) -> None:
        """Count it no more, if it was counted."""

    def hold_bytes(self, association: A_contra, count: int) -> None:
        """Count bytes of messages that wait in memory."""

    def record(self, association: A_contra, reason: str, *, aborted: bool) -> None:
        """Keep and audit a rejection or an abort."""

    def call_on_loop(self, function: Callable[..., None], *args: object) -> None:
        """Run on the event loop, from any thread."""
