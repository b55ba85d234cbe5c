"""Accepts associations on one event loop (PS3.8 section 9.2, acceptor), has callers looked up, keeps the limits.

Nothing here waits for a peer or for the database, so no peer can hold up another.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from threading import Event
from time import monotonic

import structlog

from ris.kernel.clock import now
from ris.kernel.tls import common_name

from ..mwl.query_log import RejectedAssociation
from . import admission
from .admission import AssociateReject, Caller
from .association import ADMITTING, AWAIT_REQUEST, CLOSED, IDLE_TIMEOUT_S, REQUEST_TIMEOUT_S, Association
from .service_provider import Services

log = structlog.get_logger(__name__)

# Far more than a hospital has scanners, some of which keep one association open all day.
MAX_ASSOCIATIONS = 400
MAX_PER_CALLER = 64
"""One device that leaks associations leaves room for the others."""
MAX_SILENT = 500
"""Beyond that the connection that has been silent for longest makes room."""
SHARE_OF_DESCRIPTORS = 3
"""One in so many file descriptors may be a DICOM connection: pages, MLLP and the database need theirs."""
MAX_HELD_BYTES = 134_217_728
"""Of messages of all associations that wait in memory: some sixteen of the longest."""
TLS_HANDSHAKE_S = 15.0
SWEEP_EVERY_S = 0.2
"""How often silent associations are looked for, and whether to stop: the longest that a shutdown waits for it."""


async def accept_until(
    stop: Event,
    sock: socket.socket,
    ae_title: str,
    services: Services,
    proxies: tuple[str, ...],
    tls: ssl.SSLContext | None,
    *,
    on_listening: Callable[[], None],
) -> None:
    """Accept associations on a bound socket until ``stop`` is set, then end all. Arguments as of :class:`Acceptor`."""
    acceptor = Acceptor(ae_title, services, proxies)
    server = await acceptor.listen(sock, tls)
    on_listening()
    try:
        while not stop.is_set():
            await asyncio.sleep(SWEEP_EVERY_S)
            acceptor.close_idle()
    finally:
        server.close()
        acceptor.close()
        await asyncio.sleep(0.05)  # for the last PDUs to leave


class Acceptor:
    """Owns the associations. All of it runs on the loop, but for what the database threads are given."""

    def __init__(self, ae_title: str, services: Services, proxies: tuple[str, ...] = ()) -> None:
        self.ae_title, self.services, self.proxies = ae_title, services, proxies
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.associations: dict[Association, None] = {}  # in order of arrival
        self.held_bytes = 0
        self._reserved: set[Association] = set()
        self._per_caller: Counter[tuple[str, str]] = Counter()
        most, descriptors = MAX_ASSOCIATIONS + MAX_SILENT, resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        limited = descriptors != resource.RLIM_INFINITY
        self.max_connections = min(most, descriptors // SHARE_OF_DESCRIPTORS) if limited else most

    async def listen(self, sock: socket.socket, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        """Accept on a bound socket; with ``tls`` the handshake is each connection's own, and ends after 15 s."""
        return await self.loop.create_server(
            lambda: Association(self, encrypted=tls is not None),
            sock=sock,
            # All scanners call at once after a restart.
            backlog=512,
            ssl=tls,
            ssl_handshake_timeout=TLS_HANDSHAKE_S if tls else None,
        )

    def add(self, association: Association) -> None:
        """Note a new connection; abort the oldest silent one when there are too many, or this one if none is silent."""
        self.associations[association] = None
        if len(self.associations) <= min(MAX_SILENT, self.max_connections):
            return
        silent = [other for other in self.associations if other.state == AWAIT_REQUEST]
        if len(silent) > MAX_SILENT or len(self.associations) > self.max_connections:
            # The oldest: a new connection has had no time yet to send its request.
            silent[0].transport.abort()  # there is one: the new connection at least
            self.associations.pop(silent[0], None)

    def remove(self, association: Association) -> None:
        """Forget a connection that is gone."""
        self.associations.pop(association, None)

    def reserve(self, association: Association) -> bool:
        """Count an association, unless it is one too many, in all or of this caller."""
        caller = _caller_of(association)
        if len(self._reserved) >= MAX_ASSOCIATIONS or self._per_caller[caller] >= MAX_PER_CALLER:
            return False
        self._reserved.add(association)
        self._per_caller[caller] += 1
        return True

    def release(self, association: Association) -> None:
        """Count it no more, if it was counted."""
        if association in self._reserved:
            self._reserved.remove(association)
            caller = _caller_of(association)
            self._per_caller[caller] -= 1
            if not self._per_caller[caller]:
                del self._per_caller[caller]

    def hold_bytes(self, association: Association, count: int) -> None:
        """Count bytes that wait in memory; beyond the limit the association that holds most of them is aborted."""
        self.held_bytes += count
        if count > 0 and self.held_bytes > MAX_HELD_BYTES:
            greediest = max(self.associations, key=lambda other: other.held_bytes)
            greediest.abort("too many bytes wait for an answer")

    def admit(self, association: Association) -> None:
        """Have a database thread look the caller up, unless that was done just now, then let the association decide."""
        request = association.request
        assert request is not None
        titles_and_address = request.calling, request.called, association.address
        own_title, encrypted = self.ae_title, association.encrypted
        # Behind a TLS proxy nothing is known of the caller's certificate: a device bound to one cannot call that way.
        certificate = common_name(association.transport.get_extra_info("peercert"))
        cached = admission.admit_from_cache(
            *titles_and_address, own_title=own_title, encrypted=encrypted, certificate=certificate
        )
        if cached is not None:
            association.decide(cached)
            return

        def look_up() -> None:
            verdict: Caller | AssociateReject = admission.UNABLE
            try:
                verdict = admission.admit(
                    *titles_and_address, own_title=own_title, encrypted=encrypted, certificate=certificate
                )
            finally:
                self.call_on_loop(association.decide, verdict)

        self.services.threads.give(look_up)

    def record(self, association: Association, reason: str, *, aborted: bool) -> None:
        """Keep and audit a rejection, or an abort for a fault of the peer."""
        request = association.request
        assert request is not None
        calling, called = request.calling[:16], request.called[:16]
        event = "dicom.aborted" if aborted else "dicom.rejected"
        log.info(event, calling=calling, called=called, address=association.address, reason=reason)
        self.services.log_query(RejectedAssociation(calling, called, association.address, reason, now(), aborted))

    def call_on_loop(self, function: Callable[..., None], *args: object) -> None:
        """Run on the loop, from any thread; nothing when the loop is gone."""
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            log.debug("dicom.loop-closed")

    def close_idle(self) -> None:
        """End associations that have been silent for too long."""
        at = monotonic()
        for association in list(self.associations):
            early = association.state in (AWAIT_REQUEST, ADMITTING)
            limit_s = REQUEST_TIMEOUT_S if early else IDLE_TIMEOUT_S
            if at - association.last_activity > limit_s and not association.busy:
                if early or association.state == CLOSED:
                    association.transport.abort()
                else:
                    association.hang_up()

    def close(self) -> None:
        """End every association."""
        for association in list(self.associations):
            association.hang_up()
            association.transport.close()


def _caller_of(association: Association) -> tuple[str, str]:
    return (association.request.calling if association.request else "", association.address)
