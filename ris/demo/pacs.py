"""The role ``pacs`` of a demo with pictures (``RIS_DEMO_PACS``): an Orthanc on this machine, and its viewer."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import structlog
from django.conf import settings
from django.db import close_old_connections

from interfaces.dicom.models import Archive
from ris.catalog.models import Site
from ris.config_values import Misconfigured
from ris.orders import states
from ris.orders.models import RequestedProcedure

from .phantom import draw_study
from .placing import EMR

log = structlog.get_logger(__name__)

HERE, TITLE = "127.0.0.1", "DEMOPACS"
PLUGINS = Path("/usr/share/orthanc/plugins")
VIEWER = Path(__file__).with_name("viewer")
ARCHIVE, OWN_VIEWER = "demo-pacs", "/viewer/index.html?study="
LOOK_EVERY_S = 3.0
MOST_AT_ONCE = 10
"""Exams whose pictures are sent at one look."""
STARTS_WITHIN_S, ENDS_WITHIN_S = 30.0, 8.0


def find_orthanc() -> str:
    """Orthanc's program. Raises Misconfigured where it, or the plugin that shows our viewer, is not installed."""
    found = shutil.which("Orthanc", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))
    if not found or not (PLUGINS / "libServeFolders.so").exists():
        cure = "install it (Debian, Ubuntu: apt install orthanc), or unset RIS_DEMO_PACS"
        raise Misconfigured("RIS_DEMO_PACS", "Orthanc is not installed on this machine.", cure)
    return found


@dataclass(frozen=True)
class Pacs:
    """A running Orthanc: its process, and where it answers callers on this machine."""

    process: subprocess.Popen[bytes]
    http: int
    dicom: int

    @property
    def url(self) -> str:
        """Of its pages and REST."""
        return f"http://{HERE}:{self.http}"

    def register(self) -> None:
        """Make it the archive of the demo, and its viewer that of the demo's sites, unless a site has another."""
        Archive.objects.update_or_create(
            name=ARCHIVE,
            defaults={"ae_title": TITLE, "host": HERE, "port": self.dicom, "poll": "cfind", "enabled": True},
        )
        viewer = f"{self.url}{OWN_VIEWER}{{study_uid}}"
        for site in Site.objects.all():
            if not site.viewer_url or OWN_VIEWER in site.viewer_url:
                compare = f"{viewer}&prior={{prior_study_uid}}"
                Site.objects.filter(pk=site.pk).update(viewer_url=viewer, compare_url=compare)

    def has(self, study_uid: str) -> bool:
        """Whether it has the study. Raises httpx.HTTPError."""
        answer = httpx.post(f"{self.url}/tools/lookup", content=study_uid, timeout=10).raise_for_status()
        return any(row["Type"] == "Study" for row in answer.json())

    def send_missing(self, sent: set[int]) -> None:
        """Send the pictures of the demo's completed exams that it lacks, the newest first; ``sent`` is added to.

        A few at a time. Raises httpx.HTTPError.
        """
        own = RequestedProcedure.objects.filter(order__placer_authority=EMR, steps__performed__state=states.COMPLETED)
        waiting = own.exclude(pk__in=sent).select_related("order__patient", "order__site").order_by("-pk").distinct()
        for procedure in waiting[:MOST_AT_ONCE]:
            if not self.has(procedure.image_study_uid):
                for file in draw_study(procedure):
                    httpx.post(f"{self.url}/instances", content=file, timeout=10).raise_for_status()
            sent.add(procedure.pk)


def forget_pacs() -> None:
    """Ask nothing of the Orthanc of an earlier run, and lead nobody to its viewer."""
    Archive.objects.filter(name=ARCHIVE).update(enabled=False)
    Site.objects.filter(viewer_url__contains=OWN_VIEWER).update(viewer_url="", compare_url="")


@contextmanager
def running(folder: Path) -> Iterator[Pacs]:
    """An Orthanc that keeps its studies in ``folder``, on free ports, until the end of the block.

    It answers callers on this machine only. Raises Misconfigured, RuntimeError when it does not start.
    """
    program, http, dicom = find_orthanc(), _free_port(), _free_port()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "orthanc.json").write_text(json.dumps(_configuration(folder, http, dicom)), encoding="utf-8")
    # Killed with us, even where we cannot say good-bye.
    guard = [found, "--pdeathsig", "TERM"] if (found := shutil.which("setpriv")) else []
    with (folder / "log").open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  (the program that is installed, and a file of our own)
            [*guard, program, str(folder / "orthanc.json")], stdout=out, stderr=out, start_new_session=True
        )
    pacs = Pacs(process, http, dicom)
    try:
        _wait_for(pacs, folder)
        yield pacs
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_WITHIN_S)
        process.kill()


def _configuration(folder: Path, http: int, dicom: int) -> dict[str, Any]:
    ris = settings.RIS
    return {
        "Name": "Demo pictures", "StorageDirectory": str(folder), "IndexDirectory": str(folder),
        "StorageCompression": True, "HttpPort": http, "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
        "DicomPort": dicom, "DicomAet": TITLE, "DicomCheckCalledAet": True, "DicomCheckModalityHost": True,
        "DicomAlwaysAllowEcho": False, "DicomAlwaysAllowFind": False, "DicomAlwaysAllowStore": False,
        "DicomModalities": {"ris": {"AET": ris.ae_title, "Host": HERE, "Port": ris.dicom.port}},
        "Plugins": [str(PLUGINS / "libServeFolders.so")], "ServeFolders": {"/viewer": str(VIEWER)},
    }  # fmt: skip


def _wait_for(pacs: Pacs, folder: Path) -> None:
    pause = threading.Event()
    for _ in range(int(STARTS_WITHIN_S / 0.1)):
        with suppress(httpx.HTTPError):
            httpx.get(f"{pacs.url}/system", timeout=1).raise_for_status()
            return
        if pacs.process.poll() is not None:
            break
        pause.wait(0.1)
    raise RuntimeError(f"Orthanc does not start; {folder / 'log'} says why")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return int(probe.getsockname()[1])


class DemoPacs:
    """Runs Orthanc beside the demo, and sends it the pictures of each exam that is done."""

    name = "pacs"

    def prepare(self) -> None:
        """Refuse to start where Orthanc is missing. Raises Misconfigured."""
        find_orthanc()

    def run(self, stop: threading.Event, ready: Callable[[str], None]) -> None:
        """Serve until ``stop`` is set; Orthanc ends with it. Raises RuntimeError when Orthanc ends by itself."""
        with running(settings.RIS.data / "pacs") as pacs:
            pacs.register()
            ready(f"{pacs.url}/ (Orthanc: pictures of the demo's exams)")
            sent: set[int] = set()
            while not stop.wait(LOOK_EVERY_S):
                if pacs.process.poll() is not None:
                    raise RuntimeError("Orthanc ended")
                try:
                    pacs.send_missing(sent)
                except Exception as error:  # a locked database, a busy archive: the next look tries again
                    log.warning("demo.pictures-not-sent", error=type(error).__name__)
                finally:
                    close_old_connections()
