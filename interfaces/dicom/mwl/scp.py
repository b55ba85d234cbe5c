"""The worklist on an association that pynetdicom runs, because it proposes more than the worklist."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from time import perf_counter
from typing import Any, cast

import structlog
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.dsutils import decode

from ris.kernel.clock import now

from ..upper_layer import pdu
from ..upper_layer.admission import Caller
from ..upper_layer.database_threads import DatabaseThreads
from .query import OUT_OF_RESOURCES, FindResponse, QueryOutcome, answer_query
from .query_log import QueryLog, build_query_row

log = structlog.get_logger(__name__)


def answer_find(
    event: evt.Event, caller: Caller, desk: DatabaseThreads, keeper: QueryLog
) -> Iterator[tuple[int | Dataset, Dataset | None]]:
    """Answer a C-FIND: the same answers, byte for byte, as on an association of the door's own."""
    begun = perf_counter()
    raw = cast(Any, event.request).Identifier
    identifier = raw.getvalue() if raw is not None else b""
    implicit = event.context.transfer_syntax == pdu.IMPLICIT_LE
    outcome = QueryOutcome()

    def draw() -> list[FindResponse]:
        return list(
            answer_query(
                identifier,
                implicit=implicit,
                caller=caller,
                at=now(),
                cancelled=lambda: bool(event.is_cancelled),
                outcome=outcome,
            )
        )

    try:
        drawn = desk.ask(draw)
    except Exception as error:
        log.error("dicom.worklist-failed", error=type(error).__name__)
        outcome.status = OUT_OF_RESOURCES
        drawn = [FindResponse(OUT_OF_RESOURCES, comment="Unable to process.")]
    for answer in drawn:
        if event.is_cancelled:
            yield 0xFE00, None
            break
        yield from _one(answer, implicit)
    keeper.keep(build_query_row(caller, identifier, implicit, outcome, begun))


def _one(answer: FindResponse, implicit: bool) -> Iterator[tuple[int | Dataset, Dataset | None]]:
    if answer.identifier is not None:
        yield answer.status, decode(BytesIO(answer.identifier), implicit, True)
    elif answer.status and answer.comment:
        status = Dataset()
        status.Status = answer.status
        status.ErrorComment = answer.comment[:64]
        yield status, None
    elif answer.status:
        yield answer.status, None
