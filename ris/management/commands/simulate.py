"""``bin/ris simulate``: first agree with queueing theory, then compare reading policies.

With ``--hospitals N`` in N hospitals drawn at random, else in one at several loads.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from worklist.simulation.hospitals import JUDGING_SEED
from worklist.simulation.measure import BASELINE, Estimate, compare, verdicts
from worklist.simulation.theory import SETTINGS, answer
from worklist.simulation.tournament import (
    AI_MEASURE,
    AI_RIVAL,
    JUDGED,
    TOLERANCE,
    Match,
    means,
    play_hospitals,
    wins,
)


class Command(BaseCommand):
    help = "Simulate reading: check against queueing theory, then compare FIFO, strict priority, due, slack and ours."
    requires_system_checks: Any = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--jobs", type=int, default=400_000, help="cases for each check against theory")
        parser.add_argument("--seeds", type=int, default=12, help="runs of sixteen days for each policy and load")
        parser.add_argument("--loads", default="0.84,0.97", help="parts of the readers' time, with commas")
        parser.add_argument("--no-theory", action="store_true", help="skip the check against theory")
        parser.add_argument("--hospitals", type=int, default=0, help="hospitals drawn at random, instead of one")
        parser.add_argument("--seed", type=int, default=JUDGING_SEED, help="of the first hospital")
        parser.add_argument("--runs", type=int, default=3, help="runs of sixteen days in each hospital")
        parser.add_argument("--plot", default="", help="write a picture (PNG or SVG) to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["plot"] and find_spec("matplotlib") is None:
            raise CommandError("--plot needs matplotlib: install requirements-test.txt, which pins it.")
        if not options["no_theory"]:
            self._theory(options["jobs"])
        if options["hospitals"]:
            self._hospitals(range(options["seed"], options["seed"] + options["hospitals"]), options)
            return
        tables = {}
        for load in (float(part) for part in options["loads"].split(",")):
            tables[load], cases, seconds = compare(load, range(options["seeds"]))
            self._table(load, tables[load])
            self.stdout.write(f"{cases} cases in {seconds:.1f} s: {cases / seconds:.0f} a second.\n")
        if options["plot"]:
            plot(tables, Path(options["plot"]))
            self.stdout.write(f"Plot: {options['plot']}")

    def _hospitals(self, seeds: Sequence[int], options: dict[str, Any]) -> None:
        matches, total_cases, total_s = list[Match](), 0, 0.0
        for match, cases, seconds in play_hospitals(seeds, options["runs"]):
            matches.append(match)
            total_cases, total_s = total_cases + cases, total_s + seconds
            self.stdout.write(f"{match.hospital.seed}: {match.hospital.describe()}")
            for name in JUDGED:
                sign = "holds" if match.holds(name) else "DOES NOT HOLD"
                ours, best = match.rows["ours"][name], match.best_simple(name)
                self.stdout.write(f"    {name:24} ours {ours!s:>16}  best simple {best:8.2f}  {sign}")
        self._score_board(matches)
        self.stdout.write(f"{total_cases} cases in {total_s:.1f} s: {total_cases / total_s:.0f} a second.")
        if options["plot"]:
            plot_frontier(matches, Path(options["plot"]))
            self.stdout.write(f"Plot: {options['plot']}")

    def _score_board(self, matches: list[Match]) -> None:
        self.stdout.write(
            f"\nNo worse than the best simple policy by more than {100 * (TOLERANCE - 1):.0f} %, of {len(matches)} "
            f"hospitals ({AI_MEASURE}: than {AI_RIVAL}); mean ± standard error over the hospitals:"
        )
        shown = (*JUDGED, "matched %", "class 2 max min", "class 4 max min")
        self.stdout.write(f"{'':17}" + "".join(f"{name:>26}" for name in shown))
        table = means(matches)
        for policy, row in table.items():
            held = wins(matches, policy)
            cells = (f"{row[name]}" + (f" ({held[name]})" if name in held else "") for name in shown)
            self.stdout.write(f"{policy:17}" + "".join(f"{cell:>26}" for cell in cells))

    def _theory(self, jobs: int) -> None:
        self.stdout.write(f"Mean waits in minutes, theory and simulation ({jobs} cases each):")
        worst = 0.0
        for setting in SETTINGS:
            result = answer(setting, jobs=jobs, seed=1)
            worst = max(worst, result.off())
            self.stdout.write(
                f"  {setting.name:38} AI+ {setting.positive_wait:7.3f} {result.positive_wait:7.3f}   "
                f"AI- {setting.negative_wait:7.3f} {result.negative_wait:7.3f}   "
                f"off {100 * result.off():.1f} %   work conserved {result.conserved:.3f}"
            )
        if worst > 0.05:
            raise CommandError(f"The simulation is {100 * worst:.1f} % off theory; its tables would mean nothing.")

    def _table(self, load: float, rows: dict[str, dict[str, Estimate]]) -> None:
        names = list(next(iter(rows.values())))
        self.stdout.write(f"\nAt {100 * load:.0f} % load (mean ± standard error):")
        width = max(map(len, names)) + 2
        self.stdout.write(f"{'':17}" + "".join(f"{name:>{width}}" for name in names))
        for policy, row in rows.items():
            self.stdout.write(f"{policy:17}" + "".join(f"{row[name]!s:>{width}}" for name in names))
        if load in BASELINE:
            for name, wanted, got, good in verdicts(load, rows["ours"]):
                sign = "beaten" if good else "NOT beaten"
                self.stdout.write(f"  ours, {name}: {got:.2f}, baseline {wanted:g}: {sign}")


def plot(tables: dict[float, dict[str, dict[str, Estimate]]], file: Path) -> None:
    """One row of bars for each measure, grouped by load."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = ["breaches %", "class 2 p95 min", "AI-true low mean min", "matched %"]
    figure, axes = pyplot.subplots(1, len(shown), figsize=(14, 3.6), layout="constrained")
    for axis, name in zip(axes, shown, strict=True):
        for n, (load, rows) in enumerate(tables.items()):
            places = [p + 0.4 * n for p in range(len(rows))]
            axis.bar(
                places,
                [row[name].mean for row in rows.values()],
                0.38,
                yerr=[row[name].error for row in rows.values()],
                label=f"{100 * load:.0f} % load",
            )
        axis.set_xticks(range(len(rows)), list(rows), rotation=30, ha="right")
        axis.set_title(name)
        if name != "matched %":
            axis.set_yscale("log")
    axes[0].legend()
    figure.savefig(file)


def plot_frontier(matches: Sequence[Match], file: Path) -> None:
    """Each policy's mean: breaches against matched skills, the size of the mark its wait for what AI found."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    table = means(matches)
    figure, axes = pyplot.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
    for axis, name in zip(axes, ("breaches %", "class 2 breaches %"), strict=True):
        for policy, row in table.items():
            wait = row[AI_MEASURE].mean
            axis.errorbar(
                row["matched %"].mean, row[name].mean, xerr=row["matched %"].error, yerr=row[name].error,
                marker="o", markersize=4 + 4 * wait**0.25, label=f"{policy} (AI-true wait {wait:.0f} min)",
            )  # fmt: skip
        axis.set_yscale("log")
        axis.set_xlabel("matched %")
        axis.set_ylabel(name)
    axes[0].legend(fontsize=8)
    figure.savefig(file)
