"""One C-FIND on the worklist while it is answered, on a thread of the desk."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from time import perf_counter
from typing import Protocol

import structlog
from django.db import Error as DatabaseError
from django.db import connections

from ris.kernel.clock import now

from ..models import MwlQuery
from ..mwl.query import OUT_OF_RESOURCES, UNABLE, FindResponse, QueryOutcome, answer_query
from ..mwl.query_log import build_query_row
from . import dimse, pdu
from .admission import Caller

log = structlog.get_logger(__name__)

SLICE = 32_768
"""Bytes written at once; a short list goes out in one write."""
PATIENCE_S = 0.2
"""How long, in all, an answer waits for a reader who does not read; then the rest is left to the loop's buffer."""


class Sink(Protocol):
    """Where the answer goes. Called from the desk's thread."""

    def send(self, data: bytes) -> None:
        """Send bytes of an answer that goes on."""

    def finished(self, data: bytes) -> None:
        """Send the last bytes: the answer is complete."""


class CFind:
    """Draws the answers, writes them in slices, stops between two items when told to."""

    def __init__(
        self,
        sink: Sink,
        caller: Caller,
        context: int,
        message_id: int,
        identifier: bytes,
        implicit: bool,
        longest: int,
        keep: Callable[[MwlQuery], None],
    ) -> None:
        self.message_id = message_id
        self.room = Event()
        self.room.set()
        self._sink, self._caller, self._keep = sink, caller, keep
        self._context, self._longest = context, longest
        self._identifier, self._implicit = identifier, implicit
        self._cancelled = False
        self._begun = perf_counter()

    def cancel(self) -> None:
        """Send no further item (C-CANCEL, or the peer is gone)."""
        self._cancelled = True
        self.room.set()

    def run(self) -> None:
        """Answer. Whatever happens, exactly one final response is sent."""
        outcome = QueryOutcome()
        try:
            rest = self._draw(outcome)
        except DatabaseError as error:
            connections.close_all()
            outcome.status = OUT_OF_RESOURCES
            log.error("dicom.worklist-unavailable", error=type(error).__name__)
            rest = self._said(FindResponse(OUT_OF_RESOURCES, comment="The database cannot be reached."))
        except Exception as error:
            outcome.status = UNABLE
            log.error("dicom.worklist-failed", error=type(error).__name__)
            rest = self._said(FindResponse(UNABLE, comment="Unable to process."))
        self._sink.finished(rest)
        self._keep(build_query_row(self._caller, self._identifier, self._implicit, outcome, self._begun))

    def _draw(self, outcome: QueryOutcome) -> bytes:
        """Send all but the last slice; return that."""
        parts: list[bytes] = []
        size, patience = 0, PATIENCE_S
        drawn = answer_query(
            self._identifier,
            implicit=self._implicit,
            caller=self._caller,
            at=now(),
            cancelled=lambda: self._cancelled,
            outcome=outcome,
        )
        envelopes: dict[int, pdu.MessageEncoder] = {}
        for answer in drawn:
            if answer.identifier is None:
                parts.append(self._said(answer))
                continue
            envelope = envelopes.get(answer.status)
            if envelope is None:
                envelope = envelopes[answer.status] = self._envelope(answer)
            parts.append(envelope.message(answer.identifier))
            size += len(parts[-1])
            if size > SLICE:
                if not self._cancelled:
                    self.room.clear()
                self._sink.send(b"".join(parts))
                parts, size = [], 0
                patience -= self._wait(patience)
        return b"".join(parts)

    def _wait(self, patience: float) -> float:
        """Wait until what was sent is on its way, so that a cancellation finds little behind it; return how long."""
        begun = perf_counter()
        self.room.wait(max(patience, 0))
        return perf_counter() - begun

    def _envelope(self, answer: FindResponse) -> pdu.MessageEncoder:
        command = dimse.encode_response(
            dimse.C_FIND_RQ,
            pdu.MODALITY_WORKLIST,
            self.message_id,
            answer.status,
            dataset=answer.identifier is not None,
            comment=answer.comment,
        )
        return pdu.MessageEncoder(self._context, command, self._longest)

    def _said(self, answer: FindResponse) -> bytes:
        return self._envelope(answer).message(None)
