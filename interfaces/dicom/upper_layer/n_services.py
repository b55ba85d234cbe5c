"""Normalized services (PS3.7 section 10.1): one N-CREATE, N-SET or N-GET, answered on a database thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from threading import Lock
from typing import Protocol

import structlog
from django.db import Error as DatabaseError
from django.db import connections
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from . import dimse, pdu
from .admission import Caller

log = structlog.get_logger(__name__)

LARGE_BYTES = 262_144
_large_dataset = Lock()
"""One large dataset at a time is decoded: as objects it takes up to fifty times its bytes."""


@dataclass(frozen=True, slots=True)
class NRequest:
    """A request as it came. ``instance_uid``: Affected (N-CREATE) or Requested SOP Instance UID; empty: none given.

    ``attribute_identifiers``: the tags that an N-GET asks for; empty: all. Each look at ``attribute_list`` decodes
    ``dataset``; it raises what pydicom raises when the bytes are no dataset.
    """

    kind: int
    sop_class: str
    message_id: int
    instance_uid: str
    dataset: bytes
    implicit: bool
    attribute_identifiers: tuple[int, ...] = ()

    @property
    def attribute_list(self) -> Dataset:
        """The dataset of an N-CREATE or N-SET."""
        # True: little endian; big endian is retired and never accepted.
        return decode(BytesIO(self.dataset), self.implicit, True)


Answer = tuple[int | Dataset, Dataset | None]
"""Status, or a dataset with Status and its Error Comment and Error ID; and the attributes that are sent back.

Affected SOP Instance UID among these attributes goes into the command set, where PS3.7 10.1.5.1.4 has it.
"""
Service = Callable[[NRequest, Caller], Answer]
NServices = Mapping[tuple[str, int], Service]
"""By SOP class of the presentation context and kind of request."""


class ResponseSink(Protocol):
    """Where the answer goes. Called on the database thread."""

    def finish(self, data: bytes) -> None:
        """Write the answer."""


class NService:
    """Answers one request. Exactly one response is sent, whatever happens."""

    def __init__(
        self, sink: ResponseSink, service: Service, request: NRequest, caller: Caller, context: int, longest_pdu: int
    ) -> None:
        self.message_id = request.message_id
        self._sink, self._service, self._request, self._caller = sink, service, request, caller
        self._context, self._longest_pdu = context, longest_pdu

    def cancel(self) -> None:
        """A normalized request cannot be cancelled; what the peer told is kept though it is gone."""

    def make_room(self) -> None:
        """One response is written whole: there is nothing to wait for."""

    def run(self) -> None:
        """Answer. What the service did not foresee is 0110 to the peer, without the words of the error."""
        try:
            data = self._encode(self._answer())
        except Exception as error:
            if isinstance(error, DatabaseError):
                # The next message on this thread must not get the broken connection.
                connections.close_all()
            log.error("dicom.service-failed", service=self._service.__name__, error=type(error).__name__)
            data = self._encode((dimse.PROCESSING_FAILURE, None))
        self._sink.finish(data)

    def _answer(self) -> Answer:
        if len(self._request.dataset) <= LARGE_BYTES:
            return self._service(self._request, self._caller)
        with _large_dataset:
            return self._service(self._request, self._caller)

    def _encode(self, answer: Answer) -> bytes:
        status, attributes = answer
        errors = status if isinstance(status, Dataset) else Dataset()
        uid = self._request.instance_uid
        if attributes is not None and "AffectedSOPInstanceUID" in attributes:
            uid = str(attributes.AffectedSOPInstanceUID)
            del attributes.AffectedSOPInstanceUID
        encoded = encode(attributes, self._request.implicit, True) if attributes else b""
        command = dimse.encode_response(
            self._request.kind,
            self._request.sop_class,
            self._request.message_id,
            status if isinstance(status, int) else int(errors.Status),
            dataset=bool(encoded),
            comment=str(errors.get("ErrorComment") or ""),
            error_id=errors.get("ErrorID"),
            instance_uid=uid,
        )
        return pdu.MessageEncoder(self._context, command, self._longest_pdu).message(encoded or None)
