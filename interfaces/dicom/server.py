"""The DICOM role: everything that scanners and archives connect to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable

import structlog
from django.conf import settings

from ris.kernel.db.threads import DatabaseExecutor

from .availability.ian_scp import note_availability
from .encoding.log_privacy import keep_identifiers_out_of_logs
from .mpps import scp as mpps
from .mwl.query_log import QueryLog
from .upper_layer import dimse, pdu
from .upper_layer.acceptor import accept_until
from .upper_layer.n_services import NServices
from .upper_layer.service_provider import Services

log = structlog.get_logger(__name__)

DATABASE_THREADS = 6
"""More than the database answers at once on two cores; a scanner that waits for one of them waits for its turn."""

MPPS, MPPS_RETRIEVE = "1.2.840.10008.3.1.2.3.3", "1.2.840.10008.3.1.2.3.4"
INSTANCE_AVAILABILITY = "1.2.840.10008.5.1.4.33"

N_SERVICES: NServices = {
    (MPPS, dimse.N_CREATE_RQ): mpps.create,
    (MPPS, dimse.N_SET_RQ): mpps.set_,
    (MPPS_RETRIEVE, dimse.N_GET_RQ): mpps.get,
    (INSTANCE_AVAILABILITY, dimse.N_CREATE_RQ): note_availability,
}
SOP_CLASSES = (pdu.VERIFICATION, pdu.MODALITY_WORKLIST, *dict.fromkeys(sop_class for sop_class, _ in N_SERVICES))
"""What this system answers as SCP. The conformance statement is printed from here."""


def serve(
    host: str,
    port: int,
    ae_title: str,
    stop: threading.Event,
    *,
    on_listening: Callable[[int], None],
    tls: ssl.SSLContext | None = None,
    share_port: bool = False,
) -> None:
    """Answer scanners on ``host:port`` (0: any free port) until ``stop`` is set. Blocks.

    ``on_listening`` is told the port once connections are accepted. ``share_port`` lets several
    processes listen on one port (SO_REUSEPORT); without it a taken port raises OSError.
    """
    sock = _bound(host, port, share_port)
    keep_identifiers_out_of_logs()
    threads, query_log = DatabaseExecutor(DATABASE_THREADS, "dicom-database"), QueryLog()
    services = Services(threads, query_log.add, SOP_CLASSES, N_SERVICES)

    def tell() -> None:
        bound_port = sock.getsockname()[1]
        log.info("dicom.listening", port=bound_port, ae_title=ae_title, tls=tls is not None)
        on_listening(bound_port)

    try:
        asyncio.run(accept_until(stop, sock, ae_title, services, settings.RIS.dicom_proxy, tls, on_listening=tell))
    finally:
        threads.shutdown()
        query_log.close()  # after the threads: the last answers are logged too


def _bound(host: str, port: int, share_port: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A restart need not wait for connections of the last process in TIME_WAIT.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
