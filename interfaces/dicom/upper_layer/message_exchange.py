"""DIMSE messages of one association (PS3.7): data values become messages, messages are answered in turn."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from . import dimse, pdu
from .admission import Caller
from .c_find import CFind
from .n_services import NRequest, NService
from .pdu import MalformedPdu
from .service_provider import Connection, LimitExceeded, Services

# A command set has a dozen short elements; an identifier with every key of table K.6-1 takes a few kilobytes.
MAX_COMMAND_BYTES, MAX_IDENTIFIER_BYTES = 4_096, 65_536
MAX_DATASET_BYTES = 8_388_608
"""Of one N-CREATE or N-SET. An MPPS needs some 200 bytes an image: this is enough for forty thousand of them."""
MAX_HELD_BYTES = 2 * MAX_DATASET_BYTES
"""Of all messages of one association that are not answered yet."""
# No asynchronous window is negotiated (PS3.7 D.3.3.3), so a peer should wait for each answer; those that do not are
# let send a few ahead.
MAX_WAITING_MESSAGES = 16

_TRANSFERS = (pdu.IMPLICIT_LE, pdu.EXPLICIT_LE)
_NORMALIZED = {
    dimse.N_CREATE_RQ: dimse.AFFECTED_INSTANCE,
    dimse.N_SET_RQ: dimse.REQUESTED_INSTANCE,
    dimse.N_GET_RQ: dimse.REQUESTED_INSTANCE,
}
"""Requests of the normalized services, and where each names its SOP Instance."""

ACCEPTED, ABSTRACT_SYNTAX_UNKNOWN, TRANSFER_SYNTAXES_UNKNOWN = 0, 3, 4
"""Results of a presentation context (PS3.8 table 9-18)."""


@dataclass(frozen=True, slots=True)
class _Message:
    context: int
    kind: int
    elements: dict[int, bytes]
    dataset: bytes

    @property
    def size(self) -> int:
        return len(self.dataset)


class MessageExchange:
    """Runs on the event loop; only :meth:`send` and :meth:`finish` are called by a database thread."""

    def __init__(
        self, connection: Connection, caller: Caller, request: pdu.AssociateRequest, services: Services
    ) -> None:
        self._connection, self._caller, self._request = connection, caller, request
        self._services = services
        self._contexts: dict[int, tuple[str, bool]] = {}
        self._command = bytearray()
        self._dataset = bytearray()
        self._elements: dict[int, bytes] | None = None
        self._waiting: deque[_Message] = deque()
        self._current: CFind | NService | None = None
        self._current_bytes = self._held_bytes = 0
        self._behind = False  # a part of the current answer waits for the loop: what follows must not overtake it
        self._releasing = False

    @property
    def busy(self) -> bool:
        """Whether a message is being answered."""
        return self._current is not None

    def encode_accept(self) -> bytes:
        """Decide on the contexts proposed and encode the A-ASSOCIATE-AC (PS3.8 table 9-17)."""
        decisions = []
        for context in self._request.contexts:
            transfer = next((uid for uid in context.transfers if uid in _TRANSFERS), None)
            if context.abstract not in self._services.sop_classes:
                result = ABSTRACT_SYNTAX_UNKNOWN
            elif transfer is None:
                result = TRANSFER_SYNTAXES_UNKNOWN
            else:
                result = ACCEPTED
                self._contexts[context.id] = (context.abstract, transfer == pdu.IMPLICIT_LE)
            # Of a context that is not accepted the transfer syntax says nothing, yet the item must be there (PS3.8
            # 9.3.3.2).
            decisions.append((context.id, result, transfer or pdu.IMPLICIT_LE))
        return pdu.encode_accept(self._request, decisions)

    def receive(self, body: bytes) -> None:
        """Take the data values of a P-DATA-TF. Raises MalformedPdu, LimitExceeded."""
        for context, is_command, last, data in pdu.parse_data_values(body):
            self._receive_value(context, is_command, last, data)

    def release(self) -> None:
        """End the association once all is answered (A-RELEASE-RQ)."""
        self._releasing = True
        self._continue()

    def stop(self) -> None:
        """The connection is gone: answer nothing more, give held bytes back."""
        if self._current:
            self._current.cancel()
        self._waiting.clear()
        self._hold(-self._held_bytes)

    def resume(self) -> None:
        """The peer reads again: go on with the current answer, or with the next message."""
        if self._current:
            self._current.make_room()
        else:
            self._continue()

    # -- messages --------------------------------------------------------------------------------

    def _receive_value(self, context: int, is_command: bool, last: bool, data: bytes) -> None:
        if context not in self._contexts or (is_command and self._elements is not None):
            raise MalformedPdu("a data value belongs nowhere")
        into = self._command if is_command else self._dataset
        if len(into) + len(data) > (MAX_COMMAND_BYTES if is_command else self._dataset_limit()):
            raise LimitExceeded("command too long" if is_command else "dataset too long")
        into += data
        if not is_command:
            self._hold(len(data))
        if not last:
            return
        if is_command:
            self._elements = dimse.parse_command(bytes(self._command))
            self._command.clear()
            if dimse.read_us(self._elements, dimse.DATASET_TYPE) != dimse.NO_DATASET:
                return
        if self._elements is None:
            raise MalformedPdu("a dataset without its command")
        elements, self._elements = self._elements, None
        dataset = bytes(self._dataset)
        self._dataset.clear()
        self._receive_message(_Message(context, dimse.read_us(elements, dimse.FIELD), elements, dataset))

    def _dataset_limit(self) -> int:
        kind = dimse.read_us(self._elements, dimse.FIELD) if self._elements else 0
        return MAX_DATASET_BYTES if kind in _NORMALIZED else MAX_IDENTIFIER_BYTES

    def _hold(self, count: int) -> None:
        self._held_bytes += count
        self._connection.hold_bytes(count)
        if self._held_bytes > MAX_HELD_BYTES:
            raise LimitExceeded("too many bytes wait for an answer")

    def _receive_message(self, message: _Message) -> None:
        # A cancellation overtakes what waits, and has no response of its own (PS3.7 9.3.2.3): the C-FIND ends with
        # FE00.
        if message.kind == dimse.C_CANCEL_RQ:
            responded_to = dimse.read_us(message.elements, dimse.RESPONDED_TO)
            if self._current and self._current.message_id == responded_to:
                self._current.cancel()
            self._hold(-message.size)
            return
        if len(self._waiting) >= MAX_WAITING_MESSAGES:
            raise LimitExceeded("too many messages at once")
        self._waiting.append(message)
        self._continue()

    def _continue(self) -> None:
        """Answer the next message, unless one is being answered or the peer does not read; else release if asked."""
        connection = self._connection
        while self._current is None and self._waiting and connection.established and not connection.paused:
            message = self._waiting.popleft()
            self._current = self._build_answer(message)
            self._current_bytes = message.size
            if self._current is not None:
                self._behind = False
                self._services.threads.give(self._current.run)
                return
            self._hold(-message.size)
        if self._current is None and not self._waiting and self._releasing:
            connection.close(pdu.encode_release_response())

    def _build_answer(self, message: _Message) -> CFind | NService | None:
        """What is to run on a database thread; None when the message was answered at once."""
        sop_class, implicit = self._contexts[message.context]
        message_id = dimse.read_us(message.elements, dimse.MESSAGE_ID)
        if message.kind == dimse.C_FIND_RQ and sop_class == pdu.MODALITY_WORKLIST:
            longest, log_query = self._request.longest_pdu, self._services.log_query
            dataset = message.dataset
            return CFind(self, self._caller, message.context, message_id, dataset, implicit, longest, log_query)
        service = self._services.n_services.get((sop_class, message.kind))
        if service is not None:
            uid = dimse.read_uid(message.elements, _NORMALIZED[message.kind])
            tags = dimse.read_tags(message.elements, dimse.ATTRIBUTE_IDENTIFIERS)
            request = NRequest(message.kind, sop_class, message_id, uid, message.dataset, implicit, tags)
            return NService(self, service, request, self._caller, message.context, self._request.longest_pdu)
        status = dimse.SUCCESS if message.kind == dimse.C_ECHO_RQ else dimse.UNRECOGNIZED_OPERATION
        response = dimse.encode_response(message.kind, sop_class, message_id, status, dataset=False)
        self._connection.write(pdu.MessageEncoder(message.context, response, 0).message(None))
        return None

    # -- answers, from a database thread ---------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Write a part of an answer."""
        rest = self._write_now(data)
        if rest:
            self._connection.call_on_loop(self._write, rest)
        elif self._current:
            self._current.make_room()

    def finish(self, data: bytes) -> None:
        """Write the last part of an answer, and go on to the next message."""
        self._connection.call_on_loop(self._finish, self._write_now(data))

    def _write_now(self, data: bytes) -> bytes:
        """Write straight into the socket, unless a part of this answer still waits for the loop; return the rest."""
        rest = data if self._behind else self._connection.write_now(data)
        self._behind = bool(rest)
        return rest

    def _write(self, data: bytes) -> None:
        if self._connection.established and data:
            self._connection.write(data)
        if self._current and not self._connection.paused:
            self._current.make_room()

    def _finish(self, rest: bytes) -> None:
        self._write(rest)
        self._current = None
        if self._held_bytes:  # all was given back when the connection was lost meanwhile
            self._hold(-self._current_bytes)
        self._connection.note_activity()
        self._continue()
