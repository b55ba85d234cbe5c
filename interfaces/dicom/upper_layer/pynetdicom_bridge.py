"""pynetdicom, our protocol engine for everything but the plain worklist conversation.

It never listens: the door hands it associations that are admitted already, each through one end of
a socket pair. So TLS, address lists, caps and silent peers are the door's business alone.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    InstanceAvailabilityNotification,
    ModalityPerformedProcedureStep,
    ModalityPerformedProcedureStepRetrieve,
    ModalityWorklistInformationFind,
    Verification,
)
from pynetdicom.transport import AssociationServer, RequestHandler

from ..availability.ian_scp import note_availability
from ..encoding.log_privacy import keep_identifiers_out_of_logs
from ..mpps.scp import create, get, set_
from ..mwl.query_log import QueryLog
from ..mwl.scp import answer_find
from . import pdu
from .admission import Caller
from .database_threads import DatabaseThreads

log = structlog.get_logger(__name__)

SOP_CLASSES = (
    Verification,
    ModalityWorklistInformationFind,
    ModalityPerformedProcedureStep,
    ModalityPerformedProcedureStepRetrieve,
    InstanceAvailabilityNotification,
)
"""What this system answers as SCP. The conformance statement is printed from here."""

IDLE_S = 600


class PynetdicomBridge:
    """Runs associations that the door hands in."""

    def __init__(self, ae_title: str, desk: DatabaseThreads, keeper: QueryLog) -> None:
        keep_identifiers_out_of_logs()
        self._ae = AE(ae_title=ae_title)
        self._ae.implementation_class_uid = pdu.IMPLEMENTATION_UID
        self._ae.implementation_version_name = pdu.IMPLEMENTATION_NAME
        self._ae.maximum_associations = 10_000  # the door counts
        self._ae.network_timeout = IDLE_S
        self._ae.maximum_pdu_size = pdu.MAX_PDU_BYTES
        for sop_class in SOP_CLASSES:
            self._ae.add_supported_context(sop_class, [pdu.IMPLICIT_LE, pdu.EXPLICIT_LE])
        self._server = _Indoor(self._ae, _handlers(desk, keeper))

    def take(self, inside: socket.socket, caller: Caller) -> None:
        """Start an association on one end of a socket pair, on threads of its own."""
        _Handler.start(inside, caller, self._server)

    def close(self) -> None:
        """Abort the associations that pynetdicom serves."""
        for association in self._server.active_associations:
            association.abort()


class _Indoor(AssociationServer):
    """What pynetdicom wants to know about the server that an association came from; without a socket."""

    def __init__(self, ae: AE, handlers: list[Any]) -> None:
        self.ae = ae
        self.ae_title = ae.ae_title
        self.contexts = ae.supported_contexts
        self.server_address = ("127.0.0.1", 0)
        self._handlers = {}
        self._bind_defaults()
        for handler in handlers:
            self.bind(*handler)


class _Handler(RequestHandler):
    @classmethod
    def start(cls, inside: socket.socket, caller: Caller, server: _Indoor) -> None:
        cls((inside, caller), (caller.address, 0), server)  # type: ignore[arg-type]

    def setup(self) -> None:
        self.request, self._caller = self.request

    def _create_association(self) -> Any:
        association = super()._create_association()
        association.wetread_caller = self._caller  # type: ignore[attr-defined]
        return association


def _handlers(desk: DatabaseThreads, keeper: QueryLog) -> list[Any]:
    """Event handlers. Whatever touches the database is done at the desk."""

    def n_create(event: evt.Event) -> tuple[Any, Dataset | None]:
        if event.request.AffectedSOPClassUID == InstanceAvailabilityNotification:
            return _safely(desk, note_availability, event)
        return _safely(desk, create, event)

    def c_find(event: evt.Event) -> Iterator[tuple[Any, Dataset | None]]:
        return answer_find(event, caller_of(event), desk, keeper)

    return [
        (evt.EVT_C_ECHO, lambda event: 0x0000),
        (evt.EVT_C_FIND, c_find),
        (evt.EVT_N_CREATE, n_create),
        (evt.EVT_N_SET, lambda event: _safely(desk, set_, event)),
        (evt.EVT_N_GET, lambda event: _safely(desk, get, event)),
    ]


def caller_of(event: evt.Event) -> Caller:
    """The admitted caller of the association on which an event came."""
    caller: Caller = event.assoc.wetread_caller  # type: ignore[attr-defined]
    return caller


Service = Callable[[evt.Event, Caller], tuple[Any, Dataset | None]]


def _safely(desk: DatabaseThreads, service: Service, event: evt.Event) -> tuple[Any, Dataset | None]:
    """Run a service at the desk. What it did not foresee is 0110 to the peer, without the words of the error."""
    try:
        return desk.ask(lambda: service(event, caller_of(event)))
    except Exception as error:
        log.error("dicom.service-failed", service=service.__name__, error=type(error).__name__)
        return 0x0110, None
