"""What is said on an association of the door's own: fragments become messages, messages are answered in turn."""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from . import dimse, pdu
from .admission import Caller
from .c_find import CFind
from .pdu import MalformedPdu

if TYPE_CHECKING:
    from .association import Association

MAX_COMMAND_BYTES, MAX_IDENTIFIER_BYTES = 4_096, 65_536
MOST_WAITING_MESSAGES = 16

ANSWERED = frozenset([pdu.VERIFICATION, pdu.MODALITY_WORKLIST])
_TRANSFERS = (pdu.IMPLICIT_LE, pdu.EXPLICIT_LE)


class MessageExchange:
    """Runs on the door's event loop; only :meth:`send` and :meth:`finished` are called by the desk."""

    def __init__(self, line: Association, caller: Caller, request: pdu.AssociateRequest) -> None:
        self._line, self._caller, self._request = line, caller, request
        self._contexts: dict[int, tuple[str, bool]] = {}
        self._command = bytearray()
        self._dataset = bytearray()
        self._elements: dict[int, bytes] | None = None
        self._waiting: deque[tuple[int, int, int, bytes]] = deque()
        self._find: CFind | None = None
        self._behind = False
        self._releasing = False

    @property
    def busy(self) -> bool:
        """An answer is being drawn."""
        return self._find is not None

    def accept(self) -> bytes:
        """Decide on the contexts proposed, and say so (PS3.8 table 9-17)."""
        decided = []
        for context in self._request.contexts:
            transfer = next((uid for uid in context.transfers if uid in _TRANSFERS), None)
            if transfer:
                self._contexts[context.id] = (context.abstract, transfer == pdu.IMPLICIT_LE)
            decided.append((context.id, 0 if transfer else 4, transfer or pdu.IMPLICIT_LE))
        return pdu.encode_accept(self._request, decided)

    def hear(self, body: bytes) -> None:
        """A P-DATA-TF. Raises Malformed."""
        for context, is_command, last, data in pdu.parse_data_values(body):
            self._on_fragment(context, is_command, last, data)

    def release(self) -> None:
        """End the association once all is answered."""
        self._releasing = True
        self._go_on()

    def stop(self) -> None:
        """The peer is gone."""
        if self._find:
            self._find.cancel()

    def make_room(self) -> None:
        """What was sent is on its way."""
        if self._find:
            self._find.room.set()

    # -- messages --------------------------------------------------------------------------------

    def _on_fragment(self, context: int, is_command: bool, last: bool, data: bytes) -> None:
        if context not in self._contexts or (is_command and self._elements is not None):
            raise MalformedPdu("a data value belongs nowhere")
        into, longest = (self._command, MAX_COMMAND_BYTES) if is_command else (self._dataset, MAX_IDENTIFIER_BYTES)
        into += data
        if len(into) > longest:
            raise MalformedPdu("a message is too long")
        if not last:
            return
        if is_command:
            self._elements = dimse.parse_command(bytes(self._command))
            self._command.clear()
            if dimse.read_us(self._elements, 0x0800) != dimse.NO_DATASET:
                return
        if self._elements is None:
            raise MalformedPdu("a dataset without its command")
        elements, self._elements = self._elements, None
        dataset = bytes(self._dataset)
        self._dataset.clear()
        self._on_message(context, elements, dataset)

    def _on_message(self, context: int, elements: dict[int, bytes], dataset: bytes) -> None:
        kind = dimse.read_us(elements, 0x0100)
        if kind == dimse.C_CANCEL_RQ:
            if self._find and self._find.message_id == dimse.read_us(elements, 0x0120):
                self._find.cancel()
            return
        if len(self._waiting) >= MOST_WAITING_MESSAGES:
            raise MalformedPdu("too many messages at once")
        self._waiting.append((context, kind, dimse.read_us(elements, 0x0110), dataset))
        self._go_on()

    def _go_on(self) -> None:
        """Answer the next message, unless one is being answered; release when that was asked and all is answered."""
        line = self._line
        while self._find is None and self._waiting and line.open:
            context, kind, message_id, dataset = self._waiting.popleft()
            sop_class, implicit = self._contexts[context]
            if kind == dimse.C_FIND_RQ and sop_class == pdu.MODALITY_WORKLIST:
                longest, keep = self._request.longest_pdu, line.door.keeper.keep
                self._find = CFind(self, self._caller, context, message_id, dataset, implicit, longest, keep)
                self._behind = False
                line.door.desk.give(self._find.run)
                return
            status = 0x0000 if kind == dimse.C_ECHO_RQ else 0x0211
            said = dimse.encode_response(kind, sop_class, message_id, status, dataset=False)
            line.transport.write(pdu.MessageEncoder(context, said, 0).message(None))
        if self._find is None and self._releasing:
            line.close(pdu.encode_release_response())

    # -- answers, from the desk --------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Write a part of an answer."""
        rest = self._straight(data)
        if rest:
            self._line.door.call(self._write, rest)
        else:
            self.make_room()

    def finished(self, data: bytes) -> None:
        """Write the last of an answer, and go on."""
        self._line.door.call(self._finish, self._straight(data))

    def _straight(self, data: bytes) -> bytes:
        """Write straight away, unless a part of this answer still waits for the loop; return what is left to that."""
        rest = data if self._behind else self._line.outlet.straight(data)
        self._behind = bool(rest)
        return rest

    def _write(self, data: bytes) -> None:
        if self._line.open and data:
            self._line.transport.write(data)
        if not self._line.paused:
            self.make_room()

    def _finish(self, rest: bytes) -> None:
        self._write(rest)
        self._find = None
        self._line.heard = monotonic()
        self._go_on()
