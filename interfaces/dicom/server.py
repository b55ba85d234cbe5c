"""The DICOM role: everything that scanners and archives connect to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable

import structlog

from ris.config_values import TlsFiles

from .mwl.query_log import QueryLog
from .upper_layer.acceptor import Acceptor
from .upper_layer.database_threads import DatabaseThreads
from .upper_layer.pynetdicom_bridge import PynetdicomBridge

log = structlog.get_logger(__name__)

DESK_THREADS = 6
SWEEP_S = 0.2


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
    desk, keeper = DatabaseThreads(DESK_THREADS), QueryLog()
    engine = PynetdicomBridge(ae_title, desk, keeper)
    try:
        asyncio.run(_run(sock, ae_title, stop, on_listening, tls, desk, keeper, engine))
    finally:
        engine.close()
        desk.close()
        keeper.close()


def tls_context(files: TlsFiles | None) -> ssl.SSLContext | None:
    """TLS 1.2 or later (BCP 195, PS3.15 B.9), with a certificate of the caller's where a CA is named."""
    if files is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key)
    if files.ca:
        context.load_verify_locations(files.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def _run(
    sock: socket.socket,
    ae_title: str,
    stop: threading.Event,
    on_listening: Callable[[int], None],
    tls: ssl.SSLContext | None,
    desk: DatabaseThreads,
    keeper: QueryLog,
    engine: PynetdicomBridge,
) -> None:
    door = Acceptor(ae_title, desk, keeper, engine)
    server = await door.listen(sock, tls)
    port = sock.getsockname()[1]
    log.info("dicom.listening", port=port, ae_title=ae_title, tls=tls is not None)
    on_listening(port)
    try:
        while not stop.is_set():
            await asyncio.sleep(SWEEP_S)
            door.sweep()
    finally:
        server.close()
        door.close()
        await asyncio.sleep(0.05)  # let the last words out


def _bound(host: str, port: int, share_port: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
