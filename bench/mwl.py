"""Measures the modality worklist: this server on SQLite and PostgreSQL, wlmscpfs and Orthanc, interleaved.

    .venv/bin/python bench/mwl.py            # all that is published: about ten minutes on two quiet cores
    .venv/bin/python bench/mwl.py --quick    # two minutes, nothing is written

Needs DCMTK, Orthanc and PostgreSQL installed; of the last it starts one of its own. All servers, of every number of
entries, stand at once and are asked in turn, so that a noisy moment hits them alike and every ratio is of one run.
Writes docs/interfaces/mwl-bench.json and .svg and the tables in docs/interfaces/dicom.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from mwl.databases import environments, private_postgres  # noqa: E402
from mwl.files import write_files  # noqa: E402
from mwl.fill import Plan, first_day  # noqa: E402
from mwl.peers import BENCH, Peer, start_orthanc, start_ours, start_wlmscpfs  # noqa: E402
from mwl.queries import QUERIES, identifiers  # noqa: E402

MOST_FOR_PEERS = 10_000
SHARED_AT = 10_000
"""Entries at which several processes share a port."""

Cell = tuple[str, bool, int]
"""What is asked: the query, whether each time on a new association, by how many clients at once."""


def serve(port: int) -> None:
    import threading

    import django

    django.setup()
    from interfaces.dicom.server import serve as run

    run("127.0.0.1", port, "RIS", threading.Event(), on_listening=lambda _: None, share_port=True)


def ask(peer: Peer, cell: Cell, *, seconds: float, at_least: int = 1) -> dict[str, Any]:
    """One turn of a client that runs in a process of its own."""
    query, new, clients = cell
    job = {
        "port": peer.port,
        "called": peer.called,
        "calling": "BENCH00",
        "identifiers": identifiers(query, Plan(peer.entries)),
        "rows": QUERIES[query],
        "new": new,
        "clients": clients,
        "seconds": seconds,
        "at_least": at_least,
    }
    before = peer.processor_seconds()
    command = [sys.executable, str(BENCH / "mwl" / "client.py")]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{peer.name}, {peer.entries}, {cell}: {done.stderr[-500:]}")
    return json.loads(done.stdout) | {"processor": peer.processor_seconds() - before}


def findscu_ms(peer: Peer) -> float:
    """One run of DCMTK's findscu, own AE and day, start to end."""
    elsewhere = [folder for folder in os.environ["PATH"].split(":") if folder != str(Path(sys.executable).parent)]
    program = shutil.which("findscu", path=":".join(elsewhere)) or "findscu"  # pynetdicom brings one too
    step = "ScheduledProcedureStepSequence[0]"
    keys = ["PatientName", f"{step}.ScheduledStationAETitle={Plan(peer.entries).station(0)}"]
    keys += [f"{step}.ScheduledProcedureStepStartDate={first_day():%Y%m%d}"]
    command = [program, "-W", "-aet", "BENCH00", "-aec", peer.called, "127.0.0.1", str(peer.port)]
    begun = time.perf_counter()
    for _ in range(3):
        subprocess.run([*command, *(part for key in keys for part in ("-k", key))], capture_output=True, check=True)
    return (time.perf_counter() - begun) / 3 * 1000


def start_all(numbers: list[int], folder: Path, open_until: ExitStack) -> Iterator[Peer]:
    server = open_until.enter_context(private_postgres(folder / "postgres"))
    for (kind, entries), env in environments(folder, server, numbers).items():
        name = f"Wetread, {kind}"
        yield start_ours(name, entries, env, folder)
        if entries == SHARED_AT:
            yield start_ours(f"{name}, 2 processes", entries, env, folder, processes=2)
    for entries in numbers:
        if entries <= MOST_FOR_PEERS:
            write_files(Plan(entries), folder / f"files-{entries}" / "RIS")
            yield start_wlmscpfs(entries, folder / f"files-{entries}" / "RIS")
            yield start_orthanc(entries, folder / f"files-{entries}" / "RIS", folder / f"orthanc-{entries}")


def bench(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    with ExitStack() as open_until:
        peers = []
        for peer in start_all(args.entries, folder, open_until):
            open_until.callback(peer.stop)
            peers.append(peer)
        for peer in peers:
            peer.wait_until_ready()
        print(f"filled and started after {time.perf_counter() - args.begun:.0f} s", flush=True)
        results = [_first_time(peer, query) for query in QUERIES for peer in peers if peer.name.startswith("Wetread")]
        one = [(query, new, 1) for query in QUERIES for new in (False, True)]
        many = [(query, new, 16) for query in QUERIES for new in (False, True)]
        alone = [peer for peer in peers if len(peer.processes) == 1]
        results += _rounds(args.rounds, args.seconds, one, alone)
        results += _rounds(args.rounds_of_many, args.seconds, many, peers)
        results += [
            {"server": peer.name, "entries": peer.entries, "findscu_ms": round(findscu_ms(peer), 1)} for peer in alone
        ]
        return results


def _first_time(peer: Peer, query: str) -> dict[str, Any]:
    """Each of the hundred asked once: nothing of it is warm. Then they are, as on every day but the first."""
    latencies = ask(peer, (query, False, 1), seconds=0, at_least=100)["latencies"]
    ask(peer, (query, False, 16), seconds=0, at_least=5)
    return {"server": peer.name, "entries": peer.entries, "asked_first": query} | _percentiles(latencies)


def _rounds(rounds: int, seconds: float, cells: list[Cell], peers: list[Peer]) -> list[dict[str, Any]]:
    """Every cell and server in turn, several times over, every second time the other way round."""
    gathered: dict[tuple[Peer, Cell], list[dict[str, Any]]] = {}
    for turn in range(rounds):
        for cell in cells:
            for peer in peers[:: -1 if turn % 2 else 1]:
                gathered.setdefault((peer, cell), []).append(ask(peer, cell, seconds=seconds))
        print(f"{cells[0][2]} clients, round {turn + 1} of {rounds}", flush=True)
    return [_row(peer, cell, got) for (peer, cell), got in gathered.items()]


def _row(peer: Peer, cell: Cell, got: list[dict[str, Any]]) -> dict[str, Any]:
    query, new, clients = cell
    latencies = [value for one in got for value in one["latencies"]]
    row = {
        "server": peer.name,
        "entries": peer.entries,
        "query": query,
        "association": "new" if new else "persistent",
        "clients": clients,
        "per_second": round(statistics.median(len(one["latencies"]) / one["took"] for one in got), 1),
        "processor_ms": round(1000 * sum(one["processor"] for one in got) / len(latencies), 3),
    }
    return row | _percentiles(latencies)


def _percentiles(latencies: list[float]) -> dict[str, float]:
    ordered = sorted(latencies)
    return {
        "p50_ms": round(1000 * ordered[len(ordered) // 2], 3),
        "p95_ms": round(1000 * ordered[int(len(ordered) * 0.95)], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--entries", type=int, nargs="+", default=[100, 1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=0.4, help="of each turn")
    parser.add_argument("--rounds", type=int, default=4, help="with one client")
    parser.add_argument("--rounds-of-many", type=int, default=1, help="with sixteen clients")
    parser.add_argument("--quick", action="store_true", help="100 and 1,000 entries, one round")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "interfaces" / "mwl-bench")
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return
    if args.quick:
        args.entries, args.rounds = [100, 1000], 1
    args.begun, load = time.perf_counter(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="mwl-bench-") as folder:
        os.chmod(folder, 0o711)  # PostgreSQL, as another user, goes through it
        results = bench(args, Path(folder))
    from mwl.report import report

    where = {"cores": os.cpu_count(), "load_before": round(load, 1), "load_after": round(os.getloadavg()[0], 1)}
    report(results, where, None if args.quick else args.out)
    print(f"after {time.perf_counter() - args.begun:.0f} s")


if __name__ == "__main__":
    main()
