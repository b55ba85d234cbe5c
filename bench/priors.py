"""How well the planned priors fit what readers want: recall, and the share of all priors that is fetched.

    .venv/bin/python bench/priors.py [--patients 2000] [--seeds 7-16]

The labels are not made by the rule that is measured: a hidden model of the reader says how likely each exam is to be
opened, and chance draws. The reader opens same-region exams nearly always when recent, adjacent ones sometimes, the
first mammogram mostly, and any at random; noise that no rule can know is in it on purpose. What that leaves to be had
is shown as *who knows the chances*: the exams that the hidden model itself finds likeliest, as many as the bar allows.
Compared with "the newest N of anything" and with a window of dates.

The rule was tuned on seeds from 101 on; those that are reported by default were not looked at before.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from worklist.rules.priors import Exam, relevant

KINDS = [
    ("XR", "CHEST", 24), ("CT", "HEAD", 10), ("CT", "CHEST", 9), ("CT", "ABDOMEN", 12), ("MR", "HEAD", 6),
    ("MR", "LSPINE", 6), ("MR", "KNEE", 5), ("XR", "KNEE", 8), ("XR", "HAND", 6), ("XR", "FOOT", 5),
    ("US", "ABDOMEN", 9), ("US", "PELVIS", 4), ("MG", "BREAST", 10), ("CT", "PELVIS", 4), ("PT", "CHEST", 2),
]  # fmt: skip
SIDED = {"KNEE", "HAND", "FOOT"}
NEIGHBOURS = [{"CHEST", "ABDOMEN"}, {"CHEST", "BREAST"}, {"ABDOMEN", "PELVIS"}, {"ABDOMEN", "LSPINE"},
              {"PELVIS", "LSPINE"}]  # fmt: skip
"""Of the hidden model, so that the table of the rule can change without changing a label."""
TODAY = date(2026, 3, 10)
BAR_RECALL, BAR_FETCHED = 0.91, 0.30


def patient(dice: random.Random) -> tuple[Exam, list[Exam]]:
    """A new exam, and 3 to 30 earlier ones: people come back for what they came for before."""
    weights = [weight for _, _, weight in KINDS]
    themes = dice.choices(KINDS, weights, k=2)
    exams = []
    for n in range(1 + round(dice.lognormvariate(2.2, 0.6)) + 2):
        modality, region, _ = dice.choice(themes) if dice.random() < 0.45 else dice.choices(KINDS, weights)[0]
        side = dice.choice("LR") if region in SIDED else ""
        days = 0 if n == 0 else round(dice.expovariate(1 / 900)) + 1
        exams.append(Exam(n, TODAY - timedelta(days=days), modality, region, f"{modality}{region}{side}", side))
    return exams[0], exams[1:31]


def chances(new: Exam, old: list[Exam]) -> dict[int, float]:
    """How likely the hidden reader is to open each exam: for its region, a neighbour, as a baseline, or by chance."""
    related = sorted((e for e in old if e.region == new.region), key=lambda e: e.day, reverse=True)
    related = [e for e in related if {e.side, new.side} != {"L", "R"}]
    left = {}
    for exam in old:
        near = {exam.region, new.region} in NEIGHBOURS and (new.day - exam.day).days < 730
        left[exam.id] = 1 - (0.25 if near and exam.modality in {"CT", "MR", "PT"} else 0.012)
    for place, exam in enumerate(related):
        years = (new.day - exam.day).days / 365.25
        if exam.modality == "US" and years > 2:
            continue
        chance = {0: 0.97, 1: 0.6, 2: 0.3}.get(place, 0.06) * (1.0 if exam.modality == new.modality else 0.75)
        left[exam.id] *= 1 - chance * 0.5 ** (years / 8)
    if new.modality == "MG" and related:
        left[related[-1].id] *= 1 - 0.7
    return {pk: 1 - none for pk, none in left.items()}


RULES: dict[str, Callable[[Exam, list[Exam]], set[int]]] = {
    "ours": lambda new, old: {prior.id for prior in relevant(new, old)},
    "newest 3 of anything": lambda new, old: {e.id for e in sorted(old, key=lambda e: e.day)[-3:]},
    "newest 5 of anything": lambda new, old: {e.id for e in sorted(old, key=lambda e: e.day)[-5:]},
    "last two years": lambda new, old: {e.id for e in old if (new.day - e.day).days <= 730},
    "last five years": lambda new, old: {e.id for e in old if (new.day - e.day).days <= 1826},
}
KNOWING = "who knows the chances"


def run(patients: int, seed: int) -> dict[str, tuple[float, float]]:
    """Rule → (recall, share fetched) over made-up patients."""
    dice = random.Random(seed)
    hits, fetched = dict.fromkeys(RULES, 0), dict.fromkeys(RULES, 0)
    every: list[tuple[float, bool]] = []
    for _ in range(patients):
        new, old = patient(dice)
        likely = chances(new, old)
        want = {pk for pk, chance in likely.items() if dice.random() < chance}
        every += [(chance, pk in want) for pk, chance in likely.items()]
        for name, rule in RULES.items():
            got = rule(new, old)
            hits[name] += len(got & want)
            fetched[name] += len(got)
    wanted = sum(opened for _, opened in every)
    best = sorted(every, reverse=True, key=lambda pair: pair[0])[: int(BAR_FETCHED * len(every))]
    found = {name: (hits[name] / wanted, fetched[name] / len(every)) for name in RULES}
    return {**found, KNOWING: (sum(opened for _, opened in best) / wanted, len(best) / len(every))}


def _with_error(values: Sequence[float]) -> str:
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
    return f"{100 * mean:5.1f} ± {100 * math.sqrt(spread / len(values)):.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=2000, help="for each seed")
    parser.add_argument("--seeds", default="7-16", help="first and last")
    said = parser.parse_args()
    first, last = map(int, said.seeds.split("-"))
    runs = [run(said.patients, seed) for seed in range(first, last + 1)]
    print(f"{said.patients} patients for each of the seeds {said.seeds}; mean ± standard error")
    for name in runs[0]:
        recall, share = ([one[name][n] for one in runs] for n in (0, 1))
        print(f"  {name:22} recall {_with_error(recall)}   fetched {_with_error(share)}")
    print(f"Wanted: recall {100 * BAR_RECALL:g} % or more at {100 * BAR_FETCHED:g} % or less.")


if __name__ == "__main__":
    main()
