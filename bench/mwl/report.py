"""The worklist bench's results: ratios, a file, a picture, and the tables of the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Results = list[dict[str, Any]]
PEERS = ("wlmscpfs", "Orthanc")
OURS = ("Wetread, SQLite", "Wetread, PostgreSQL")
AIMS = {
    (100, "new"): 2,
    (100, "persistent"): 4,
    (1_000, "new"): 12,
    (1_000, "persistent"): 12,
    (10_000, "new"): 120,
    (10_000, "persistent"): 120,
}
MOST_GROWTH = 2
BEGIN, END = "<!-- measured: bench/mwl.py -->", "<!-- end of what is measured -->"


class Table:
    """The measured rows, by what was asked of whom."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.rows = {
            (row["server"], row["entries"], row["query"], row["association"], row["clients"]): row
            for row in results
            if "query" in row
        }
        self.queries = list(dict.fromkeys(key[2] for key in self.rows))
        self.numbers = sorted({key[1] for key in self.rows})

    def of(self, server: str, entries: int, query: str, association: str, clients: int, what: str) -> float | None:
        row = self.rows.get((server, entries, query, association, clients))
        return row and row[what]

    def ratio(self, server: str, entries: int, query: str, association: str) -> float | None:
        """Queries/s of one client against the better of the two peers."""
        own = self.of(server, entries, query, association, 1, "per_second")
        others = [self.of(peer, entries, query, association, 1, "per_second") for peer in PEERS]
        there = [rate for rate in others if rate]
        return own / max(there) if own and there else None

    def growth(self, server: str, query: str, association: str) -> float | None:
        """p50 at most entries against p50 at fewest."""
        ends = [
            self.of(server, entries, query, association, 1, "p50_ms") for entries in (self.numbers[0], self.numbers[-1])
        ]
        return ends[1] / ends[0] if ends[0] and ends[1] else None


def report(results: Results, where: dict[str, Any], out: Path | None) -> None:
    """Print everything; unless it is a trial (None), also write file, picture and page."""
    table = Table(results)
    page = "\n".join(_page(table, where))
    print(page)
    if out is None:
        return
    out.with_suffix(".json").write_text(json.dumps({"where": where, "results": results}, indent=1) + "\n")
    _plot(table, out.with_suffix(".svg"))
    document = out.parent / "dicom.md"
    before, _, rest = document.read_text().partition(BEGIN)
    document.write_text(before + BEGIN + "\n\n" + page + "\n\n" + END + rest.partition(END)[2])


def _page(table: Table, where: dict[str, Any]) -> list[str]:
    lines = [
        f"{where['cores']} cores; load {where['load_before']} before, {where['load_after']} after (the bench itself"
        " keeps them busy). Queries/s of one client, persistent / new association for each query:",
    ]
    for query in table.queries:
        lines += ["", *_rates(table, query, 1, [*OURS, *PEERS])]
    lines += ["", "Sixteen clients at once:"]
    many = [name for name in dict.fromkeys(key[0] for key in table.rows) if name not in PEERS]
    for query in table.queries:
        lines += ["", *_rates(table, query, 16, [*many, *PEERS])]
    lines += ["", "Times the better of the two peers, one client, persistent / new (aim):", "", *_ratios(table)]
    lines += ["", "p50 in ms, one client, persistent / new, and how it grows (aim: at most twofold):", ""]
    lines += [*_growth(table), "", *_the_rest(table)]
    return lines


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _head(first: str, *columns: object) -> list[str]:
    return [_row(first, *columns), _row("---", *("---" for _ in columns))]


def _rates(table: Table, query: str, clients: int, servers: list[str]) -> list[str]:
    lines = _head(f"{query}", *(f"{entries:,}" for entries in table.numbers))
    for server in servers:
        cells = []
        for entries in table.numbers:
            rates = [table.of(server, entries, query, way, clients, "per_second") for way in ("persistent", "new")]
            cells.append(" / ".join(f"{rate:.{0 if rate >= 10 else 1}f}" for rate in rates if rate) or "–")
        if any(cell != "–" for cell in cells):
            lines.append(_row(server, *cells))
    return lines


def _ratios(table: Table) -> list[str]:
    numbers = [entries for entries in table.numbers if (entries, "new") in AIMS]
    aims = [f"{entries:,} ({AIMS[entries, 'persistent']} / {AIMS[entries, 'new']})" for entries in numbers]
    lines = _head("", *aims)
    for server in OURS:
        for query in table.queries:
            cells = []
            for entries in numbers:
                found = [(table.ratio(server, entries, query, way), way) for way in ("persistent", "new")]
                cells.append(
                    " / ".join(
                        f"{ratio:.{0 if ratio >= 100 else 1}f}" + ("" if ratio >= AIMS[entries, way] else " (missed)")
                        for ratio, way in found
                        if ratio
                    )
                )
            if any(cells):
                lines.append(_row(f"{server}, {query}", *cells))
    return lines


def _growth(table: Table) -> list[str]:
    lines = _head("", *(f"{entries:,}" for entries in table.numbers), "growth")
    for server in OURS:
        for query in table.queries:
            cells = [
                " / ".join(
                    f"{p50:.2f}"
                    for way in ("persistent", "new")
                    if (p50 := table.of(server, entries, query, way, 1, "p50_ms"))
                )
                for entries in table.numbers
            ]
            grown = [g for way in ("persistent", "new") if (g := table.growth(server, query, way))]
            if grown:
                said = " / ".join(f"{g:.2f}" + ("" if g <= MOST_GROWTH else " (missed)") for g in grown)
                lines.append(_row(f"{server}, {query}", *cells, said))
    return lines


def _the_rest(table: Table) -> list[str]:
    most = table.numbers[-1]
    first = [
        f"{row['server'].removeprefix('Wetread, ')} {row['p50_ms']:.1f} ({row['asked_first']})"
        for row in table.results
        if "asked_first" in row and row["entries"] == most and row["server"] in OURS
    ]
    said = [f"Asked for the first time at {most:,} entries, p50 in ms: {', '.join(first)}."]
    spent = [
        f"{server.removeprefix('Wetread, ')} {ms:.2f} ({query})"
        for server in OURS
        for query in table.queries
        if (ms := table.of(server, most, query, "persistent", 1, "processor_ms"))
    ]
    said += ["", f"Processor time of the server process for a query there, ms: {', '.join(spent)}."]
    at = max((row["entries"] for row in table.results if "findscu_ms" in row and row["server"] in PEERS), default=0)
    runs = [
        f"{row['server']} {row['findscu_ms']:.0f} ms"
        for row in table.results
        if "findscu_ms" in row and row["entries"] == at
    ]
    return [*said, "", f"One `findscu`, start to end, at {at:,} entries: {', '.join(runs)}."]


def _plot(table: Table, file: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    colors = dict(zip((*OURS, *PEERS), ("tab:blue", "tab:green", "tab:orange", "tab:red"), strict=True))
    figure, axes = plt.subplots(
        1, len(table.queries), figsize=(4.4 * len(table.queries), 3.6), sharey=True, squeeze=False
    )
    for axis, query in zip(axes[0], table.queries, strict=True):
        for server, color in colors.items():
            for association, style in (("persistent", "-o"), ("new", "--x")):
                line = [
                    (entries, rate)
                    for entries in table.numbers
                    if (rate := table.of(server, entries, query, association, 1, "per_second"))
                ]
                if line:
                    label = f"{server}, {association}"
                    axis.plot(*zip(*line, strict=True), style, label=label, color=color, markersize=4)
        axis.set(xscale="log", yscale="log", title=query, xlabel="entries")
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("queries/s, one client")
    axes[0][-1].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(file)
