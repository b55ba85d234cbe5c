"""Starts what is measured: this server on two databases, DCMTK's wlmscpfs, Orthanc's worklists."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
ORTHANC_PLUGIN = "/usr/share/orthanc/plugins/libModalityWorklists.so"


@dataclass(frozen=True)
class Peer:
    """A server that is measured; ``entries`` are on its worklist. Several processes share its port."""

    name: str
    entries: int
    port: int
    called: str
    processes: tuple[subprocess.Popen[bytes], ...]

    def wait_until_ready(self) -> None:
        for _ in range(600):
            if any(process.poll() is not None for process in self.processes):
                raise RuntimeError(f"{self.name} ended at once")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise RuntimeError(f"{self.name} does not listen")
        if len(self.processes) > 1:
            time.sleep(3)  # one of them listens; the others began when it did

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(20)

    def processor_seconds(self) -> float:
        """Spent so far by its processes, without the database server's."""
        spent = 0
        for process in self.processes:
            for task in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
                spent += int(task.read_text().split()[0])
        return spent / 1e9


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def start_ours(name: str, entries: int, env: dict[str, str], folder: Path, processes: int = 1) -> Peer:
    port = free_port()
    log = (folder / f"{name}-{entries}.log").open("wb")
    command = [sys.executable, str(BENCH / "mwl.py"), "--serve", str(port)]
    started = [
        subprocess.Popen(command, env=os.environ | env, stdout=log, stderr=subprocess.STDOUT) for _ in range(processes)
    ]
    return Peer(name, entries, port, "RIS", tuple(started))


def start_wlmscpfs(entries: int, files: Path) -> Peer:
    """``files`` is the folder RIS of its database."""
    port = free_port()
    process = subprocess.Popen(
        ["wlmscpfs", "-dfp", str(files.parent), str(port)],
        env=os.environ | {"TCP_NODELAY": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return Peer("wlmscpfs", entries, port, "RIS", (process,))


def start_orthanc(entries: int, files: Path, folder: Path) -> Peer:
    port = free_port()
    folder.mkdir()
    config = {
        "Name": "BENCH",
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "HttpServerEnabled": False,
        "DicomAet": "RIS",
        "DicomPort": port,
        "DicomAlwaysAllowFindWorklist": True,
        "Plugins": [ORTHANC_PLUGIN],
        "Worklists": {"Enable": True, "Database": str(files)},
    }
    (folder / "orthanc.json").write_text(json.dumps(config))
    process = subprocess.Popen(
        [shutil.which("Orthanc") or "/usr/sbin/Orthanc", str(folder / "orthanc.json")],
        env=os.environ | {"TCP_NODELAY": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return Peer("Orthanc", entries, port, "RIS", (process,))
