"""One C-FIND on the worklist (PS3.4 K.4.1) while it is answered, on a database thread."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from time import perf_counter
from typing import Protocol

import structlog
from django.db import Error as DatabaseError
from django.db import connections

from ris.kernel.clock import now

from ..mwl.query import OUT_OF_RESOURCES, UNABLE, FindResponse, QueryOutcome, answer_query
from ..mwl.query_log import LogEntry, build_query_row
from . import dimse, pdu
from .admission import Caller

log = structlog.get_logger(__name__)

SLICE_BYTES = 32_768
"""Bytes written at once; a short list goes out in one write."""
PATIENCE_S = 0.2
"""How long, in all, a thread waits for a peer who does not read; then the rest is left to the loop's buffer."""


class ResponseSink(Protocol):
    """Where the answer goes. Called on the database thread."""

    def send(self, data: bytes) -> None:
        """Write a part of the answer."""

    def finish(self, data: bytes) -> None:
        """Write its last part."""


class CFind:
    """Encodes the responses, writes them in slices, stops between two of them when told to."""

    def __init__(
        self,
        sink: ResponseSink,
        caller: Caller,
        context: int,
        message_id: int,
        identifier: bytes,
        implicit: bool,
        longest_pdu: int,
        log_query: Callable[[LogEntry], None],
    ) -> None:
        self.message_id = message_id
        self._room = Event()
        self._room.set()
        self._sink, self._caller, self._log_query = sink, caller, log_query
        self._context, self._longest_pdu = context, longest_pdu
        self._identifier, self._implicit = identifier, implicit
        self._cancelled = False
        self._begun = perf_counter()

    def cancel(self) -> None:
        """Send no further match (C-CANCEL, or the peer is gone)."""
        self._cancelled = True
        self._room.set()

    def make_room(self) -> None:
        """What was sent is on its way: the next slice may follow."""
        self._room.set()

    def run(self) -> None:
        """Answer. Whatever happens, exactly one final response is sent."""
        outcome = QueryOutcome()
        try:
            rest = self._send_all_but_last(outcome)
        except DatabaseError as error:
            # The next message on this thread must not get the broken connection.
            connections.close_all()
            outcome.status = OUT_OF_RESOURCES
            log.error("dicom.worklist-unavailable", error=type(error).__name__)
            rest = self._encode(FindResponse(OUT_OF_RESOURCES, comment="The database cannot be reached."))
        except Exception as error:
            outcome.status = UNABLE
            log.error("dicom.worklist-failed", error=type(error).__name__)
            rest = self._encode(FindResponse(UNABLE, comment="Unable to process."))
        self._sink.finish(rest)
        self._log_query(build_query_row(self._caller, self._identifier, self._implicit, outcome, self._begun))

    def _send_all_but_last(self, outcome: QueryOutcome) -> bytes:
        """Send all but the last slice; return that."""
        parts: list[bytes] = []
        size, patience_s = 0, PATIENCE_S
        responses = answer_query(
            self._identifier,
            implicit=self._implicit,
            caller=self._caller,
            at=now(),
            cancelled=lambda: self._cancelled,
            outcome=outcome,
        )
        encoders: dict[int, pdu.MessageEncoder] = {}  # by status: a list of a thousand has one command set
        for response in responses:
            if response.identifier is None:
                parts.append(self._encode(response))
                continue
            encoder = encoders.get(response.status)
            if encoder is None:
                encoder = encoders[response.status] = self._encoder(response)
            parts.append(encoder.message(response.identifier))
            size += len(parts[-1])
            if size > SLICE_BYTES:
                if not self._cancelled:
                    self._room.clear()
                self._sink.send(b"".join(parts))
                parts, size = [], 0
                patience_s -= self._wait_for_room(patience_s)
        return b"".join(parts)

    def _wait_for_room(self, patience_s: float) -> float:
        """Wait until what was sent is on its way, so that a cancellation finds little behind it; return how long."""
        begun = perf_counter()
        self._room.wait(max(patience_s, 0))
        return perf_counter() - begun

    def _encoder(self, response: FindResponse) -> pdu.MessageEncoder:
        command = dimse.encode_response(
            dimse.C_FIND_RQ,
            pdu.MODALITY_WORKLIST,
            self.message_id,
            response.status,
            dataset=response.identifier is not None,
            comment=response.comment,
        )
        return pdu.MessageEncoder(self._context, command, self._longest_pdu)

    def _encode(self, response: FindResponse) -> bytes:
        return self._encoder(response).message(None)
