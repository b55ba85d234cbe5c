"""A connection to a destination: send one message, really read its answer."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass

from ..models import Destination
from ..v2.mllp import Deframer, frame_message
from ..v2.parser import parse_message

ACCEPTED = frozenset({"AA", "CA"})
REFUSED = frozenset({"AE", "AR", "CE", "CR"})


class NoAnswer(Exception):
    """The peer could not be reached, or did not answer in time. Its text is safe to show."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the peer said to one message."""

    code: str
    text: str
    raw: bytes


class PeerLine:
    """A persistent connection, opened when first needed. Not for several threads at once."""

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
        reused = self._socket is not None
        try:
            return self._exchange(raw, control_id)
        except _Closed:
            self.close()
            if not reused:
                raise NoAnswer("The peer closed the connection without an answer.") from None
        except (OSError, NoAnswer) as error:
            self.close()
            raise error if isinstance(error, NoAnswer) else NoAnswer(_describe(error)) from None
        try:
            return self._exchange(raw, control_id)
        except (_Closed, OSError, NoAnswer) as error:
            self.close()
            raise NoAnswer(_describe(error)) from None

    def _exchange(self, raw: bytes, control_id: str) -> Answer:
        sock = self._socket or self._open()
        try:
            sock.sendall(frame_message(raw))
        except (BrokenPipeError, ConnectionResetError):
            raise _Closed from None
        deadline = time.monotonic() + self._destination.timeout
        while True:
            answer = understood(self._next(sock, deadline), control_id)
            if answer is not None:
                return answer

    def _next(self, sock: socket.socket, deadline: float) -> bytes:
        while not self._pending:
            left = deadline - time.monotonic()
            if left <= 0:
                raise NoAnswer(f"No answer within {self._destination.timeout} s.")
            sock.settimeout(left)
            try:
                data = sock.recv(65536)
            except TimeoutError:
                continue
            except ConnectionResetError:
                raise _Closed from None
            if not data:
                raise _Closed
            self._pending += [found.body for found in self._deframer.feed(data) if not found.fault]
        return self._pending.pop(0)

    def _open(self) -> socket.socket:
        to = self._destination
        sock = socket.create_connection((to.host, to.port), timeout=min(to.timeout, 10))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if to.tls:
            context = ssl.create_default_context(cafile=to.ca_file or None)
            if to.tls == "mutual":
                context.load_cert_chain(to.cert_file)
            sock = context.wrap_socket(sock, server_hostname=to.host)
        self._socket, self._deframer, self._pending = sock, Deframer(), []
        return sock

    def close(self) -> None:
        """Close the connection; the next message opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Closed(Exception):
    """The peer closed before it answered."""


def connection_key(destination: Destination) -> tuple[object, ...]:
    """What must be the same for an open connection to still be the right one."""
    d = destination
    return d.pk, d.host, d.port, d.tls, d.ca_file, d.cert_file, d.timeout


def understood(raw: bytes, control_id: str) -> Answer | None:
    """The answer, if it is one to this message and says something that has a meaning; else None."""
    try:
        message = parse_message(raw)
    except Exception:  # whatever the peer sent: not an answer
        return None
    msa = message.first("MSA")
    if msa is None or msa.text(2) != control_id:
        return None
    code = msa.text(1).upper()
    if code not in ACCEPTED | REFUSED:
        return None
    err = message.first("ERR")
    text = msa.text(3) or (err.text(8) or err.text(3, 2) or err.text(1, 4, 2) if err else "")
    return Answer(code, text, raw)


def _describe(error: Exception) -> str:
    if isinstance(error, NoAnswer):
        return str(error)
    if isinstance(error, _Closed):
        return "The peer closed the connection without an answer."
    return f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}"[:200]
