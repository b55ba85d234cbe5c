"""One MLLP connection to a destination: send one message, and read its acknowledgment (HL7 v2.5.1, 2.9).

An order response also gives placer numbers, which are written to our orders.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from ris.audit.services import Actor
from ris.kernel.errors import Refusal
from ris.kernel.tls import build_client_context, holds_certificate, holds_key_pair
from ris.orders.models import Order
from ris.orders.services import number_order

from ..models import Destination
from ..v2.mllp import Deframer, frame_message
from ..v2.parser import Message, Segment, parse_message

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 10
"""Longest wait for a TCP connection; a host that is up accepts within milliseconds."""
READ_BYTES = 65536

ACCEPTED = frozenset({"AA", "CA"})
"""MSA-1 (table 0008) of a message that the peer took."""
REFUSED = frozenset({"AE", "AR", "CE", "CR"})
INTERNAL_ERROR = "207"
"""Application internal error (table 0357). 100 to 104 and 200 to 206 say what is wrong in the message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The acknowledgment of one message: MSA-1, the text that explains it, and the bytes as they came."""

    code: str
    text: str
    raw: bytes
    error_code: str = ""
    """ERR-3.1 (table 0357), or where older versions have it."""

    @property
    def is_not_now(self) -> bool:
        """The peer had an error of its own (207): the message may be right and is to be sent again."""
        return self.error_code == INTERNAL_ERROR

    @property
    def is_unexplained(self) -> bool:
        """AR or CR without an error code: "not able now" or "never", which only time tells (2.9.2.2)."""
        return self.code in ("AR", "CR") and not self.error_code


def parse_answer(raw: bytes, control_id: str) -> Answer | None:
    """The acknowledgment in ``raw`` if it answers the message ``control_id`` with a code of table 0008; else None."""
    try:
        message = parse_message(raw)
    except Exception:  # whatever the peer sent is not an acknowledgment
        return None
    msa = message.first("MSA")
    # A late answer to an earlier message must not count for this one (MSA-2 echoes MSH-10; 2.9.2).
    if msa is None or msa.text(2) != control_id:
        return None
    code = msa.text(1).upper()
    if code not in ACCEPTED | REFUSED:
        return None
    return Answer(code, msa.text(3) or _error_text(message), raw, _error_code(message, msa))


def _error_code(message: Message, msa: Segment) -> str:
    """ERR-3.1, else ERR-1.4.1 (before 2.5), else MSA-6.1. Of several errors, one that is not 207 counts."""
    codes = [err.text(3) or err.text(1, 4, 1) for err in message.all("ERR")] or [msa.text(6)]
    return next((code for code in codes if code != INTERNAL_ERROR), INTERNAL_ERROR)[:20]


def _error_text(message: Message) -> str:
    """ERR-8 (user message), else ERR-3.2 (2.5 and later), else ERR-1.4.2 (before 2.5)."""
    err = message.first("ERR")
    return (err.text(8) or err.text(3, 2) or err.text(1, 4, 2)) if err else ""


class NoAnswer(Exception):
    """The peer could not be reached, or did not answer in time. Its text is safe to show.

    ``reached``: a connection stood and the message was on its way, so that the message itself may be the cause.
    """

    def __init__(self, text: str, *, reached: bool = False) -> None:
        super().__init__(text)
        self.reached = reached


class DestinationConnection:
    """A persistent connection, opened when it is first needed. Used by one thread at a time."""

    def __init__(self, destination: Destination) -> None:
        self.key = connection_key(destination)
        self._destination = destination
        self._socket: socket.socket | None = None
        self._deframer = Deframer()
        self._pending: list[bytes] = []

    def exchange(self, raw: bytes, control_id: str) -> Answer:
        """Send ``raw`` and return the answer whose MSA-2 is ``control_id``; other answers are not the answer.

        A connection that the peer closed while it was idle is opened anew, once. Raises :class:`NoAnswer`,
        after which the connection is closed.
        """
        # A peer may close an idle connection at any time; a fresh one that closes is an answer of its own.
        reused = self._socket is not None
        try:
            return self._exchange(raw, control_id)
        except _Closed as error:
            if not reused:
                raise self._give_up(error) from None
            self.close()
        except (OSError, NoAnswer) as error:
            raise self._give_up(error) from None
        try:
            return self._exchange(raw, control_id)
        except (_Closed, OSError, NoAnswer) as error:
            raise self._give_up(error) from None

    def _give_up(self, error: Exception) -> NoAnswer:
        reached = self._socket is not None
        self.close()
        return NoAnswer(_describe(error), reached=reached)

    def _exchange(self, raw: bytes, control_id: str) -> Answer:
        sock = self._socket or self._open()
        # The deadline covers sending and reading, so that an exchange ends within the sender's lease.
        deadline = time.monotonic() + self._destination.timeout
        # The exchange before left what remained of its own deadline as the socket's timeout.
        sock.settimeout(self._destination.timeout)
        try:
            sock.sendall(frame_message(raw))
        except (BrokenPipeError, ConnectionResetError):
            raise _Closed from None
        while True:
            answer = parse_answer(self._next_message(sock, deadline), control_id)
            if answer is not None:
                return answer

    def _next_message(self, sock: socket.socket, deadline: float) -> bytes:
        while not self._pending:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise NoAnswer(f"No answer within {self._destination.timeout} s.")
            sock.settimeout(left_s)
            try:
                data = sock.recv(READ_BYTES)
            except TimeoutError:
                continue  # the deadline has passed: the check above says so
            except ConnectionResetError:
                raise _Closed from None
            if not data:
                raise _Closed
            self._pending += [message.body for message in self._deframer.feed(data) if not message.fault]
        return self._pending.pop(0)

    def open(self) -> None:
        """Connect, with TLS where set, and send nothing. Raises OSError; ssl.SSLError is one."""
        self._open()

    def _open(self) -> socket.socket:
        destination = self._destination
        address = (destination.host, destination.port)
        sock = socket.create_connection(address, timeout=min(destination.timeout, CONNECT_TIMEOUT_S))
        # Messages are written whole, so waiting for more data (Nagle) would only add its delay.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A peer that lost its power sends no FIN; keep-alive notices while the connection is idle.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if destination.tls:
            own = destination.cert_file if destination.tls == "mutual" else ""
            context = build_client_context(destination.ca_file, own)
            sock = context.wrap_socket(sock, server_hostname=destination.host)
        self._socket, self._deframer, self._pending = sock, Deframer(), []
        return sock

    def close(self) -> None:
        """Close the connection; the next exchange opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Closed(Exception):
    """The peer closed the connection before it answered."""


def connection_key(destination: Destination) -> tuple[object, ...]:
    """The settings that an open connection depends on: when one changes, a new connection is needed."""
    d = destination
    return d.pk, d.host, d.port, d.tls, d.ca_file, d.cert_file, d.timeout


def find_tls_faults(given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a destination's TLS files: name of the setting → what to do."""
    faults: dict[str, str] = {}
    if given.get("ca_file") and not holds_certificate(given["ca_file"]):
        faults["ca_file"] = "It holds no certificate (PEM) that can be read here. Name a file that does."
    own = given.get("cert_file")
    if given.get("tls") == "mutual" and not own:
        faults["cert_file"] = "Mutual TLS needs our certificate with its key. Name the PEM file that holds both."
    elif own and not holds_key_pair(own):
        faults["cert_file"] = "It holds no certificate with its key (PEM, no password). Name a file that holds both."
    return faults


def _describe(error: Exception) -> str:
    if isinstance(error, NoAnswer):
        return str(error)
    if isinstance(error, _Closed):
        return "The peer closed the connection without an answer."
    return f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}"[:200]


def apply_placer_numbers(answer: bytes, *, peer: str, at: datetime) -> int:
    """Write the placer numbers of an order response (ORC-1 ``NA``, IHE RAD-3) to our orders; return how many.

    A number that an order cannot get is logged and left, because the message itself was accepted.
    """
    applied = 0
    for orc in parse_message(answer).all("ORC"):
        placer, filler = orc.text(2)[:64], orc.text(3)
        order = Order.objects.filter(filler_number=filler, placer_number="").order_by("pk").first() if filler else None
        if orc.text(1).upper() != "NA" or not placer or order is None:
            continue
        authority = orc.text(2, 2)[:64] or peer
        try:
            number_order(order.pk, placer_number=placer, placer_authority=authority, actor=Actor.peer(peer), at=at)
        except Refusal as refusal:
            log.warning("hl7.number-not-taken", order=order.pk, code=refusal.code)
        else:
            applied += 1
    return applied
