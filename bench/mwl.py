"""Measures the modality worklist: this server on SQLite and PostgreSQL, wlmscpfs and Orthanc, interleaved.

    .venv/bin/python bench/mwl.py --postgres postgres://user@host:port/name     # about 15 minutes
    .venv/bin/python bench/mwl.py --quick                                       # SQLite and peers, small

The PostgreSQL database is emptied. Writes docs/interfaces/mwl-bench.json and .svg, prints a table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from mwl_fill import ROWS_A_DAY, Plan, accession, first_day, write_files  # noqa: E402
from mwl_peers import HERE, Peer, start_orthanc, start_ours, start_wlmscpfs  # noqa: E402

OURS = ("ours, SQLite", "ours, PostgreSQL")
PEERS = ("wlmscpfs", "Orthanc")
QUERIES = {"own AE and day": ROWS_A_DAY, "accession": 1, "name*": 10}


def identifiers(query: str, plan: Plan) -> list[str]:
    """A hundred different queries of one kind, encoded, as hexadecimal."""
    from pydicom.dataset import Dataset
    from pynetdicom.dsutils import encode

    found = []
    for n in range(100):
        i = n * 7919 % plan.entries
        asked, step = Dataset(), Dataset()
        for name in (
            "PatientName",
            "PatientID",
            "PatientBirthDate",
            "PatientSex",
            "AccessionNumber",
            "StudyInstanceUID",
            "ReferringPhysicianName",
            "RequestingPhysician",
            "AdmissionID",
            "RequestedProcedureID",
            "RequestedProcedureDescription",
            "RequestedProcedurePriority",
            "ReasonForTheRequestedProcedure",
            "PlacerOrderNumberImagingServiceRequest",
            "FillerOrderNumberImagingServiceRequest",
        ):
            setattr(asked, name, "")
        asked.RequestedProcedureCodeSequence = []
        for name in (
            "Modality",
            "ScheduledStationAETitle",
            "ScheduledProcedureStepStartDate",
            "ScheduledProcedureStepStartTime",
            "ScheduledPerformingPhysicianName",
            "ScheduledProcedureStepDescription",
            "ScheduledProcedureStepID",
            "ScheduledStationName",
            "ScheduledProcedureStepLocation",
        ):
            setattr(step, name, "")
        if query == "accession":
            asked.AccessionNumber = accession(i)
        elif query == "name*":
            asked.PatientName = plan.name(i) + "*"
        else:
            step.ScheduledStationAETitle = plan.station(i)
            step.ScheduledProcedureStepStartDate = f"{first_day() + timedelta(days=plan.day(i)):%Y%m%d}"
        asked.ScheduledProcedureStepSequence = [step]
        encoded = encode(asked, True, True)
        assert encoded
        found.append(encoded.hex())
    return found


def measure(peer: Peer, plan: Plan, query: str, *, new: bool, clients: int, seconds: float) -> dict[str, Any]:
    job = {
        "port": peer.port,
        "called": peer.called,
        "calling": "BENCH00",
        "identifiers": identifiers(query, plan),
        "rows": QUERIES[query],
        "new": new,
        "clients": clients,
        "seconds": seconds,
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "mwl_client.py")], input=json.dumps(job), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{peer.name}, {query}: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def serve(port: int) -> None:
    import threading

    import django

    django.setup()
    from interfaces.dicom.server import serve as run

    run("127.0.0.1", port, "RIS", threading.Event(), on_listening=lambda _: None)


def prepare(env: dict[str, str], entries: int) -> None:
    """Migrate and fill one of our databases, in a process of its own."""
    code = f"import django; django.setup(); from mwl_fill import Plan, fill; fill(Plan({entries}))"
    env = os.environ | env | {"PYTHONPATH": f"{ROOT}:{HERE}", "DJANGO_SETTINGS_MODULE": "ris.settings"}
    subprocess.run([sys.executable, str(ROOT / "manage.py"), "migrate", "-v0"], env=env, check=True)
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


def findscu_seconds(peer: Peer, plan: Plan) -> float:
    """One run of DCMTK's findscu, own AE and day, start to end."""
    step = "ScheduledProcedureStepSequence[0]"
    station = f"{step}.ScheduledStationAETitle={plan.station(0)}"
    call = f"findscu -W -aet BENCH00 -aec {peer.called} 127.0.0.1 {peer.port}"
    day = f"{step}.ScheduledProcedureStepStartDate={first_day():%Y%m%d}"
    begun = time.perf_counter()
    for _ in range(5):
        subprocess.run(
            f"{call} -k PatientName -k {station} -k {day}".split(),
            capture_output=True,
            check=True,
        )
    return (time.perf_counter() - begun) / 5


def bench(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    environments = {OURS[0]: {"RIS_DATA": str(folder / "sqlite")}}
    if args.postgres:
        environments[OURS[1]] = {"RIS_DATA": str(folder / "postgres"), "DATABASE_URL": args.postgres}
    results = []
    for entries in args.entries:
        plan = Plan(entries)
        peers: list[Peer] = []
        try:
            for name, env in environments.items():
                prepare(env, entries)
                peers.append(start_ours(name, env | {"DJANGO_SETTINGS_MODULE": "ris.settings"}, folder))
            if entries <= args.most_for_peers:
                write_files(plan, folder / "files" / "RIS")
                peers += [start_wlmscpfs(folder / "files" / "RIS"), start_orthanc(folder / "files" / "RIS", folder)]
            results += _rounds(args, plan, peers)
        finally:
            for peer in peers:
                peer.process.terminate()
                peer.process.wait(20)
    return results


def _rounds(args: argparse.Namespace, plan: Plan, peers: list[Peer]) -> list[dict[str, Any]]:
    """Every peer in turn, several times over: a noisy moment hits all of them alike."""
    gathered: dict[tuple[str, str, bool, int], list[dict[str, Any]]] = {}
    for _ in range(args.rounds):
        for query in args.queries:
            for new in (False, True):
                for clients in args.clients:
                    for peer in peers:
                        got = measure(peer, plan, query, new=new, clients=clients, seconds=args.seconds)
                        gathered.setdefault((peer.name, query, new, clients), []).append(got)
    results = []
    for (name, query, new, clients), rounds in gathered.items():
        latencies = sorted(value for one in rounds for value in one["latencies"])
        rate = statistics.median(len(one["latencies"]) / one["took"] for one in rounds)
        row = {
            "server": name,
            "entries": plan.entries,
            "query": query,
            "association": "new" if new else "persistent",
            "clients": clients,
            "per_second": round(rate, 1),
            "p50_ms": round(1000 * latencies[len(latencies) // 2], 3),
            "p95_ms": round(1000 * latencies[int(len(latencies) * 0.95)], 3),
        }
        results.append(row)
        print(
            "{server:18} N={entries:<8} {query:15} {association:10} ×{clients:<3} {per_second:9.1f}/s "
            "p50 {p50_ms:8.2f} ms  p95 {p95_ms:8.2f} ms".format(**row),
            flush=True,
        )
    for peer in peers:
        seconds = findscu_seconds(peer, plan)
        results.append({"server": peer.name, "entries": plan.entries, "findscu_ms": round(1000 * seconds, 1)})
        print(f"{peer.name:18} N={plan.entries:<8} one findscu: {1000 * seconds:.0f} ms", flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--postgres", metavar="URL", help="a database that may be emptied")
    parser.add_argument("--entries", type=int, nargs="+", default=[100, 1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--most-for-peers", type=int, default=10_000)
    parser.add_argument("--queries", nargs="+", default=list(QUERIES))
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "interfaces" / "mwl-bench")
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return
    if args.quick:
        args.entries, args.rounds, args.clients = [100, 1000], 1, [1]
    with tempfile.TemporaryDirectory(prefix="mwl-bench-") as folder:
        results = bench(args, Path(folder))
    if not args.quick:
        from mwl_report import report

        report(results, args.out)


if __name__ == "__main__":
    main()
