"""The bench's results as a file, ratios and a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PEERS = ("wlmscpfs", "Orthanc")
AIMS = {
    (100, "new"): 2,
    (100, "persistent"): 4,
    (1_000, "new"): 12,
    (1_000, "persistent"): 12,
    (10_000, "new"): 120,
    (10_000, "persistent"): 120,
}


def ratios(results: list[dict[str, Any]]) -> list[str]:
    """Ours against the better of the two peers, one client; and how p50 grows with the number of entries."""
    rates = {
        (row["server"], row["entries"], row["query"], row["association"], row["clients"]): row
        for row in results
        if "query" in row
    }
    lines = []
    for (server, entries, query, association, clients), row in rates.items():
        peers = [
            rates[key]["per_second"] for peer in PEERS if (key := (peer, entries, query, association, clients)) in rates
        ]
        if server in PEERS or not peers or clients != 1:
            continue
        ratio = row["per_second"] / max(peers)
        aim = AIMS.get((entries, association))
        lines.append(f"{server:18} N={entries:<7} {query:15} {association:10} {ratio:7.1f}×  (aim {aim}×)")
    for server in dict.fromkeys(key[0] for key in rates):
        for query in dict.fromkeys(key[2] for key in rates):
            own = {
                k[1]: r["p50_ms"]
                for k, r in rates.items()
                if k[0] == server and k[2] == query and k[3:] == ("persistent", 1)
            }
            if server not in PEERS and len(own) > 1:
                low, high = min(own), max(own)
                growth = own[high] / own[low]
                lines.append(
                    f"{server:18} {query:15} p50 {own[low]} ms at {low}, {own[high]} ms at {high}: {growth:.2f}×"
                )
    return lines


def report(results: list[dict[str, Any]], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    said = ratios(results)
    out.with_suffix(".json").write_text(json.dumps({"results": results, "ratios": said}, indent=1) + "\n")
    print("\n".join(said))
    _plot(results, out.with_suffix(".svg"))


def _plot(results: list[dict[str, Any]], file: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    rows = [row for row in results if "query" in row and row["clients"] == 1]
    queries = list(dict.fromkeys(row["query"] for row in rows))
    figure, axes = plt.subplots(1, len(queries), figsize=(4.4 * len(queries), 3.6), sharey=True, squeeze=False)
    for axis, query in zip(axes[0], queries, strict=True):
        for server in dict.fromkeys(row["server"] for row in rows):
            for association, style in (("persistent", "-o"), ("new", "--x")):
                line = sorted(
                    (row["entries"], row["per_second"])
                    for row in rows
                    if (row["server"], row["query"], row["association"]) == (server, query, association)
                )
                color = {"wlmscpfs": "tab:orange", "Orthanc": "tab:red", "ours, SQLite": "tab:blue"}.get(
                    server, "tab:green"
                )
                axis.plot(*zip(*line, strict=True), style, label=f"{server}, {association}", color=color, markersize=4)
        axis.set(xscale="log", yscale="log", title=query, xlabel="entries")
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("queries/s, one client")
    axes[0][-1].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(file)
