"""The door: accepts connections on one event loop, asks the desk who may come in, and keeps order.

Nothing here waits for a peer or for the database, so no peer can hold up another.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from time import monotonic

import structlog

from ris.kernel.clock import now

from ..mwl.query_log import QueryLog, RejectedAssociation
from . import admission
from .admission import AssociateReject, Caller
from .association import ADMITTING, CLOSED, IDLE_TIMEOUT_S, REQUEST_TIMEOUT_S, SILENT, Association
from .database_threads import DatabaseThreads
from .pynetdicom_bridge import PynetdicomBridge

log = structlog.get_logger(__name__)

MAX_ASSOCIATIONS = 400
MAX_PER_CALLER = 64
"""One device that leaks associations leaves room for the others."""
MAX_SILENT = 500
"""Beyond that the connection that has been silent for longest makes room."""


class Acceptor:
    """Owns the open lines. All of it runs on the loop, but for what the desk is given."""

    def __init__(self, ae_title: str, desk: DatabaseThreads, keeper: QueryLog, engine: PynetdicomBridge) -> None:
        self.ae_title = ae_title
        self.desk, self.keeper, self.engine = desk, keeper, engine
        self.lines: dict[Association, None] = {}
        self._seated: set[Association] = set()
        self._of_caller: Counter[tuple[str, str]] = Counter()
        self.loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself holds tasks weakly

    async def listen(self, sock: socket.socket, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        """Accept on a bound socket; with ``tls`` the handshake is the peer's own business, and has 15 s."""
        return await self.loop.create_server(
            lambda: Association(self, encrypted=tls is not None),
            sock=sock,
            backlog=512,
            ssl=tls,
            ssl_handshake_timeout=15.0 if tls else None,
        )

    def arrived(self, line: Association) -> None:
        """Note a new connection; abort the oldest silent one when there are too many."""
        self.lines[line] = None
        silent = [other for other in self.lines if other.state == SILENT] if len(self.lines) > MAX_SILENT else []
        if len(silent) > MAX_SILENT:
            silent[0].transport.abort()

    def left(self, line: Association) -> None:
        """Forget a connection that is closed."""
        self.lines.pop(line, None)

    def seat(self, line: Association) -> bool:
        """Give an association its place, unless that is one too many, in all or of this caller."""
        caller = _caller_of(line)
        if len(self._seated) >= MAX_ASSOCIATIONS or self._of_caller[caller] >= MAX_PER_CALLER:
            return False
        self._seated.add(line)
        self._of_caller[caller] += 1
        return True

    def unseat(self, line: Association) -> None:
        """The place is free again, if the line had one."""
        if line in self._seated:
            self._seated.remove(line)
            caller = _caller_of(line)
            self._of_caller[caller] -= 1
            if not self._of_caller[caller]:
                del self._of_caller[caller]

    def admit(self, line: Association) -> None:
        """Have the desk look the caller up, then go on with the line."""
        request = line.request
        assert request is not None
        known = admission.admit_from_cache(
            request.calling, request.called, line.address, own_title=self.ae_title, encrypted=line.encrypted
        )
        if known is not None:
            line.admitted(known)
            return

        def look_up() -> None:
            verdict: Caller | AssociateReject = admission.UNABLE
            try:
                verdict = admission.admit(
                    request.calling, request.called, line.address, own_title=self.ae_title, encrypted=line.encrypted
                )
            finally:
                self.call(line.admitted, verdict)

        self.desk.give(look_up)

    def note_rejection(self, line: Association, refused: AssociateReject) -> None:
        """Log a rejected association and store it for the device's page."""
        request = line.request
        assert request is not None
        calling, called = request.calling[:16], request.called[:16]
        log.info("dicom.rejected", calling=calling, called=called, address=line.address, reason=refused.words)
        self.keeper.keep(RejectedAssociation(calling, called, line.address, refused.words, now()))

    def bridge(self, line: Association) -> None:
        """Give the line to pynetdicom, through a pair of sockets."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        assert line.caller is not None
        self.engine.take(theirs, line.caller)
        task = self.loop.create_task(self._connect(line, ours))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, line: Association, ours: socket.socket) -> None:
        transport, _ = await self.loop.connect_accepted_socket(lambda: _Inside(line), ours)
        line.bridged(transport)

    def call(self, function: Callable[..., None], *args: object) -> None:
        """Run on the loop, from any thread; nothing when the loop is gone."""
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            log.debug("dicom.loop-closed")

    def sweep(self) -> None:
        """Hang up on who has been silent for too long."""
        at = monotonic()
        for line in list(self.lines):
            patience = REQUEST_TIMEOUT_S if line.state in (SILENT, ADMITTING) else IDLE_TIMEOUT_S
            if at - line.heard > patience and not line.busy:
                line.transport.abort() if line.state in (SILENT, ADMITTING, CLOSED) else line.hang_up()

    def close(self) -> None:
        """Abort every association and close its connection."""
        for line in list(self.lines):
            line.hang_up()
            line.transport.close()


def _caller_of(line: Association) -> tuple[str, str]:
    return (line.request.calling if line.request else "", line.address)


class _Inside(asyncio.Protocol):
    """Our end of the pair: what pynetdicom says goes out on the line."""

    def __init__(self, line: Association) -> None:
        self._line = line

    def data_received(self, data: bytes) -> None:
        self._line.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.close(b"")
