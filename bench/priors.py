"""How well the planned priors fit what readers want: recall, and the share of all priors that is fetched.

    .venv/bin/python bench/priors.py [--patients 2000] [--seed 7]

The labels are not made by the rule that is measured: a hidden model of the reader draws what they open. The
reader opens same-region exams nearly always when recent, adjacent ones sometimes, the first mammogram mostly, and a
few at random; noise that no rule can know is in it on purpose. Compared with "the newest N of anything" and with a
window of dates.
"""

from __future__ import annotations

import argparse
import random
import sys
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from worklist.rules.priors import ADJACENT, MAMMOGRAPHY, Exam, relevant

KINDS = [
    ("XR", "CHEST", 24), ("CT", "HEAD", 10), ("CT", "CHEST", 9), ("CT", "ABDOMEN", 12), ("MR", "HEAD", 6),
    ("MR", "LSPINE", 6), ("MR", "KNEE", 5), ("XR", "KNEE", 8), ("XR", "HAND", 6), ("XR", "FOOT", 5),
    ("US", "ABDOMEN", 9), ("US", "PELVIS", 4), ("MG", "BREAST", 10), ("CT", "PELVIS", 4), ("PT", "CHEST", 2),
]  # fmt: skip
SIDED = {"KNEE", "HAND", "FOOT"}
TODAY = date(2026, 3, 10)


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


def opened(new: Exam, old: list[Exam], dice: random.Random) -> set[int]:
    """What the hidden reader opens."""
    found = set()
    related = sorted((e for e in old if e.region == new.region), key=lambda e: e.day, reverse=True)
    related = [e for e in related if {e.side, new.side} != {"L", "R"}]
    for place, exam in enumerate(related):
        years = (new.day - exam.day).days / 365.25
        if exam.modality == "US" and years > 2:
            continue
        chance = {0: 0.97, 1: 0.6, 2: 0.3}.get(place, 0.06) * (1.0 if exam.modality == new.modality else 0.75)
        if dice.random() < chance * 0.5 ** (years / 8):
            found.add(exam.id)
    for exam in old:
        near = (exam.region, new.region) in ADJACENT and (new.day - exam.day).days < 730
        if dice.random() < (0.25 if near and exam.modality in {"CT", "MR", "PT"} else 0.012):
            found.add(exam.id)
    if new.modality in MAMMOGRAPHY and related and dice.random() < 0.7:
        found.add(related[-1].id)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    said = parser.parse_args()
    dice = random.Random(said.seed)
    rules = {
        "ours": lambda new, old: {prior.id for prior in relevant(new, old)},
        "newest 3 of anything": lambda new, old: {e.id for e in sorted(old, key=lambda e: e.day)[-3:]},
        "newest 5 of anything": lambda new, old: {e.id for e in sorted(old, key=lambda e: e.day)[-5:]},
        "last two years": lambda new, old: {e.id for e in old if (new.day - e.day).days <= 730},
        "last five years": lambda new, old: {e.id for e in old if (new.day - e.day).days <= 1826},
    }
    hits, fetched = dict.fromkeys(rules, 0), dict.fromkeys(rules, 0)
    wanted = total = 0
    for _ in range(said.patients):
        new, old = patient(dice)
        want = opened(new, old, dice)
        wanted, total = wanted + len(want), total + len(old)
        for name, rule in rules.items():
            got = rule(new, old)
            hits[name] += len(got & want)
            fetched[name] += len(got)
    print(f"{said.patients} patients, {total} priors, {wanted} of them opened by the hidden reader; seed {said.seed}")
    for name in rules:
        print(f"  {name:22} recall {100 * hits[name] / wanted:5.1f} %   fetched {100 * fetched[name] / total:5.1f} %")


if __name__ == "__main__":
    main()
