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

HERE = Path(__file__).resolve().parent
ORTHANC_PLUGIN = "/usr/share/orthanc/plugins/libModalityWorklists.so"


@dataclass
class Peer:
    name: str
    port: int
    called: str
    process: subprocess.Popen[bytes]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def start_ours(name: str, env: dict[str, str], folder: Path) -> Peer:
    port = free_port()
    log = (folder / f"{name}.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, str(HERE / "mwl.py"), "--serve", str(port)], env=os.environ | env, stdout=log, stderr=log
    )
    return _ready(Peer(name, port, "RIS", process))


def start_wlmscpfs(files: Path) -> Peer:
    """``files`` is the folder RIS of its database."""
    port = free_port()
    process = subprocess.Popen(
        ["wlmscpfs", "-dfp", str(files.parent), str(port)],
        env=os.environ | {"TCP_NODELAY": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return _ready(Peer("wlmscpfs", port, "RIS", process))


def start_orthanc(files: Path, folder: Path) -> Peer:
    port = free_port()
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
    return _ready(Peer("Orthanc", port, "RIS", process))


def _ready(peer: Peer) -> Peer:
    for _ in range(300):
        if peer.process.poll() is not None:
            raise RuntimeError(f"{peer.name} ended at once")
        try:
            socket.create_connection(("127.0.0.1", peer.port), timeout=1).close()
            return peer
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{peer.name} does not listen")
