"""What the parts of the service class provider share: the services it offers, and what it asks of a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ris.kernel.db.threads import DatabaseExecutor

from ..mwl.query_log import LogEntry
from . import pdu
from .n_services import NServices


class LimitExceeded(Exception):
    """The peer sends more than it may. Its words name the limit and go into the audit: at most 48 characters."""


@dataclass(frozen=True, slots=True)
class Services:
    """What answers the messages of all associations."""

    threads: DatabaseExecutor
    log_query: Callable[[LogEntry], None]
    n_services: NServices = field(default_factory=dict)

    def answers(self, sop_class: str) -> bool:
        """Whether a presentation context for this SOP class is accepted."""
        built_in = sop_class in (pdu.VERIFICATION, pdu.MODALITY_WORKLIST)
        return built_in or any(sop_class == known for known, _ in self.n_services)


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
