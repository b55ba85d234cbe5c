"""The role ``demo`` of a running demo hospital: its day, its life, and the EMR that takes its results."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from datetime import date

import structlog
from django.conf import settings
from django.db import close_old_connections

from interfaces.hl7.models import Destination
from interfaces.hl7.outbound.queue import EMR, SEND
from ris.kernel.clock import now
from ris.kernel.doorbell import ring

from .day import fill_day
from .emr import ResultTaker
from .life import Life

log = structlog.get_logger(__name__)

HERE = "127.0.0.1"
MOVE_EVERY_S = 3.0


class Demo:
    """Keeps the demo alive. What fails is tried again at the next move: it never ends the system it shows."""

    name = "demo"

    def prepare(self) -> None:
        """Do nothing: it waits for the ports of the other roles."""

    def run(self, stop: threading.Event, ready: Callable[[str], None]) -> None:
        """Play until ``stop`` is set."""
        with ResultTaker((HERE, 0), lambda message: None) as emr:
            threading.Thread(target=emr.serve_forever, daemon=True).start()
            if settings.RIS.emr is None:
                _send_results_to(emr.server_address[1])
            ready("patients come, exams are done, results are taken (RIS_DEMO_LIVE=0: none of it)")
            self._play(stop)
            emr.shutdown()

    def _play(self, stop: threading.Event) -> None:
        life, filled, failing = Life(), date.min, False
        while not stop.wait(MOVE_EVERY_S):
            at = now()
            try:
                if filled != at.date():
                    fill_day(at)
                    filled = at.date()
                life.move(at)
                failing = False
            except Exception as error:  # a port that is not up yet, a locked database, a row that a person changed
                if not failing:  # one line an outage
                    log.warning("demo.move-failed", error=type(error).__name__)
                failing = True
            finally:
                close_old_connections()


def _send_results_to(port: int) -> None:
    """Have the demo's EMR take the results, unless somebody has pointed them at a listener of their own."""
    for destination in Destination.objects.filter(name=EMR):
        if not destination.host or (destination.host == HERE and not _listens(destination.port)):
            Destination.objects.filter(pk=destination.pk).update(host=HERE, port=port, retry_at=None)
            ring(SEND)


def _listens(port: int | None) -> bool:
    with socket.socket() as probe:
        return port is not None and probe.connect_ex((HERE, port)) == 0


def is_live() -> bool:
    """Whether ``serve all`` plays the demo: not with TLS ports, which its senders cannot talk to."""
    ris = settings.RIS
    return bool(ris.demo and ris.demo_live and not ris.mllp_tls and not ris.dicom_tls and ris.mllp.port)
