"""The roles: what each one runs, and how it is told to stop."""

from __future__ import annotations

import errno
import socket
import threading
from typing import Any

import structlog
import uvicorn
from celery import beat
from celery.worker import WorkController
from celery.worker import state as worker_state
from django.conf import settings
from django.utils.module_loading import import_string

from ris.celery import app
from ris.config_values import Address, Misconfigured
from ris.kernel.tls import build_server_context

from .http_limits import HEAD_BYTES, limit
from .start_checks import raise_descriptor_limit
from .supervisor import Say
from .sweeps import start_watching

log = structlog.get_logger(__name__)

state: Any = worker_state  # its stubs allow should_stop no None

WORKERS = 4
"""Tasks at once: a destination that does not answer must not hold up the relay."""


def import_late_modules() -> None:
    """Import what would be imported only when it is first used: tasks, the broker's transport, the channel layer.

    Every role rings and tells, so one that could not must not start. Raises ModuleNotFoundError.
    """
    app.loader.import_default_modules()
    app.connection_for_write().release()
    import_string(settings.CHANNEL_LAYERS["default"]["BACKEND"])


class Web:
    """Pages, API and websockets; it also watches whether the sweeps are alive."""

    name = "web"

    def prepare(self) -> None:
        """Bind the HTTP port."""
        from ris.asgi import application

        limited, protocol = limit(application, raise_descriptor_limit())
        config = uvicorn.Config(
            limited,
            http=protocol,
            h11_max_incomplete_event_size=HEAD_BYTES,
            log_config=None,
            access_log=False,
            lifespan="off",  # Django has no lifespan events
            loop="asyncio",  # not "auto": uvloop, where it happens to be installed, would run untested
            ws="websockets-sansio",
            ws_max_size=64 * 1024,  # what a page sends its websocket is far smaller
            server_header=False,
            proxy_headers=bool(settings.RIS.proxy),
            forwarded_allow_ips=list(settings.RIS.proxy),
            timeout_graceful_shutdown=3,  # of the supervisor's PATIENCE_S
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._listener: socket.socket = listen("RIS_HTTP", settings.RIS.http)

    def run(self, stop: threading.Event, ready: Say) -> None:
        """Serve HTTP and websockets until ``stop`` is set."""
        host, port = self._listener.getsockname()[:2]
        threading.Thread(target=self._end, args=[stop], daemon=True).start()
        start_watching(stop)
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
        self._server.run(sockets=[self._listener])

    def _end(self, stop: threading.Event) -> None:
        stop.wait()
        self._server.should_exit = True


class Worker:
    """Celery's worker, in threads."""

    name = "worker"

    def prepare(self) -> None:
        """Do nothing: a broker that is away is waited for."""

    def run(self, stop: threading.Event, ready: Say) -> None:
        """Run Celery tasks until ``stop`` is set."""
        state.should_stop = None
        controller: Any = WorkController(
            app=app,
            pool_cls="threads",
            concurrency=WORKERS,
            without_gossip=True,  # workers need not know of each other: rows are claimed in the database
            without_mingle=True,
            without_heartbeat=True,
            ready_callback=lambda consumer: ready(f"{WORKERS} tasks at once"),
        )
        threading.Thread(target=self._end, args=[stop], daemon=True).start()
        controller.start()
        if controller.exitcode:
            raise RuntimeError("the worker could not go on")

    def _end(self, stop: threading.Event) -> None:
        stop.wait()
        state.should_stop = 0  # the exit code; celery asks "is not None"


class Beat:
    """Celery's beat, with the schedule of ``ris.celery``; it keeps no state in a file."""

    name = "beat"

    def prepare(self) -> None:
        """Do nothing: the clock has no port and no file."""

    def run(self, stop: threading.Event, ready: Say) -> None:
        """Start the sweeps at their times until ``stop`` is set."""
        # max_interval: seconds until it looks for stop; Scheduler: no file, every sweep starts anew with the process.
        clock: Any = beat.Service(app, max_interval=1, scheduler_cls=beat.Scheduler)
        threading.Thread(target=lambda: (stop.wait(), clock.stop(wait=False)), daemon=True).start()
        ready(f"{len(app.conf.beat_schedule)} sweeps")
        clock.start()


class Hl7:
    """The MLLP listener."""

    name = "hl7"

    def prepare(self) -> None:
        """Refuse to start when the MLLP port is taken."""
        import interfaces.hl7.inbound.listener  # noqa: F401  (so that a module that is missing is told before any role runs)

        check_port("RIS_MLLP", settings.RIS.mllp)

    def run(self, stop: threading.Event, ready: Say) -> None:
        """Serve MLLP connections until ``stop`` is set."""
        from interfaces.hl7.inbound.listener import Limits, serve

        (host, port), tls = settings.RIS.mllp, build_server_context(settings.RIS.mllp_tls)
        scheme = "mllps" if tls else "mllp"
        # A quarter of the descriptors, so that roles of one process do not starve each other; more were never needed.
        limits = Limits(connections=max(16, min(Limits().connections, raise_descriptor_limit() // 4)))
        serve(host, port, stop, on_listening=lambda at: ready(f"{scheme}://{host}:{at}"), tls=tls, limits=limits)


class Dicom:
    """The DICOM server: worklist, MPPS, echo."""

    name = "dicom"

    def prepare(self) -> None:
        """Refuse to start when the DICOM port is taken."""
        import interfaces.dicom.server  # noqa: F401  (so that a module that is missing is told before any role runs)

        if not settings.RIS.dicom_shared:
            check_port("RIS_DICOM", settings.RIS.dicom)

    def run(self, stop: threading.Event, ready: Say) -> None:
        """Serve DICOM associations until ``stop`` is set."""
        from interfaces.dicom.server import serve

        (host, port), title = settings.RIS.dicom, settings.RIS.ae_title
        serve(
            host,
            port,
            title,
            stop,
            on_listening=lambda at: ready(f"dicom://{title}@{host}:{at}"),
            tls=build_server_context(settings.RIS.dicom_tls),
            share_port=settings.RIS.dicom_shared,
        )


ROLES = {role.name: role for role in (Web, Worker, Beat, Hl7, Dicom)}


def listen(variable: str, where: Address) -> socket.socket:
    """A listening socket at ``where``. Raises Misconfigured, which names ``variable`` and the cure."""
    try:
        family, kind, protocol, _, name = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        cure = f"set {variable} to an address of this machine, such as 127.0.0.1:{where.port}"
        raise Misconfigured(variable, f"{where.host} is no known address.", cure) from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # despite old connections in TIME_WAIT
        listener.bind(name)
        listener.listen(1024)  # all browsers of a hospital come back at once after a restart
    except OSError as error:
        listener.close()
        raise _refusal(variable, where, error) from None
    listener.setblocking(False)
    return listener


def check_port(variable: str, where: Address) -> None:
    """Raise Misconfigured now, as :func:`listen`, for a listener that binds the port by itself later."""
    listen(variable, where).close()


def _refusal(variable: str, where: Address, error: OSError) -> Misconfigured:
    other = f"{variable}={where.host}:{where.port + 1 if where.port < 65535 else 0}"
    if error.errno == errno.EADDRINUSE:
        return Misconfigured(variable, f"{where} is taken by another program.", f"stop it, or choose {other}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Misconfigured(variable, f"this user may not listen on {where}.", "choose a port above 1023")
    return Misconfigured(variable, f"cannot listen on {where} ({error.strerror}).", f"choose another: {other}")
