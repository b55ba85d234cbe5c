"""Precision and recall of the checks before signing, on labelled sentences and whole reports.

    python bench/quality_gates.py [--wrong] [FILE.tsv …]

``quality_gates/sentences.tsv``: gate, whether it fires (1, 0), facts as JSON, sections (``F: …||I: …``); a line is
judged by its own gate only. ``quality_gates/reports.toml``: reports that are right, each with errors put into copies of
it: there every gate counts, and a warning of anything but the error is false. They were written for this bench, apart
from the tests of the rules; anybody's own file of the same form can be measured too. ``--wrong`` lists what was missed
and what was false.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent
sys.path.insert(0, str(HOME.parent))

from reporting.checks import CHECKS, SECTIONS, read_case, remarks  # noqa: E402  (the path comes first)
from reporting.checks.text import HINT  # noqa: E402

LETTERS = {"T": "technique", "C": "comparison", "F": "findings", "I": "impression"}


@dataclass
class Tally:
    """Of each gate: how often it fired rightly, fired wrongly, and was silent wrongly."""

    right: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, gate: str, *, expected: bool, fired: bool, about: str) -> None:
        """Count one judgement."""
        if expected and fired:
            self.right[gate] += 1
        elif fired:
            self.false[gate] += 1
            self.wrong.append(f"false  {gate}: {about}")
        elif expected:
            self.missed[gate] += 1
            self.wrong.append(f"missed {gate}: {about}")

    def table(self) -> str:
        """Lines of gate, counts, precision and recall."""
        lines = [f"{'gate':32} {'right':>5} {'false':>5} {'missed':>6} {'precision':>9} {'recall':>6}"]
        for gate in CHECKS:
            right, false, missed = self.right[gate], self.false[gate], self.missed[gate]
            if right + false + missed:
                precision = f"{right / (right + false):9.2f}" if right + false else f"{'–':>9}"
                recall = f"{right / (right + missed):6.2f}" if right + missed else f"{'–':>6}"
                lines.append(f"{gate:32} {right:5} {false:5} {missed:6} {precision} {recall}")
        return "\n".join(lines)


def judge_sentences(path: Path) -> tuple[Tally, int]:
    """Judge each line by its own gate."""
    tally, count = Tally(), 0
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        gate, fires, facts, sections = line.split("\t")
        case = {"facts": json.loads(facts), "sections": _sections(sections)}
        tally.add(gate, expected=fires == "1", fired=gate in fired_gates(case), about=f"{facts} {sections}")
        count += 1
    return tally, count


def _sections(text: str) -> dict[str, str]:
    parts = [part.strip() for part in text.split("||")]
    return {LETTERS[part[0]]: part[2:].strip().replace("\\n", "\n") for part in parts if part}


def judge_reports(path: Path) -> tuple[Tally, int]:
    """Judge each report as it stands, and each copy with an error, by all gates."""
    tally, count = Tally(), 0
    for case, expected, also in cases_of(tomllib.loads(path.read_text(encoding="utf-8"))["report"]):
        warned = fired_gates(case, hints=False)
        if expected:
            tally.add(expected, expected=True, fired=expected in fired_gates(case), about=str(case["sections"]))
        for gate in warned - {expected, *also}:
            tally.add(gate, expected=False, fired=True, about=f"(error: {expected or 'none'}) {case['sections']}")
        count += 1
    return tally, count


def cases_of(reports: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str, list[str]]]:
    """(case, gate that has to fire, gates that may) of each report; no gate where it is right."""
    for report in reports:
        sections = {name: report[name] for name in SECTIONS}
        yield {"facts": report["facts"], "sections": sections}, "", []
        for error in report["errors"]:
            text = sections[error["section"]]
            if error["was"] not in text:
                raise SystemExit(f"The error does not fit its report: {error['was']!r}")
            changed = sections | {error["section"]: text.replace(error["was"], error["becomes"], 1)}
            yield {"facts": report["facts"], "sections": changed}, error["gate"], error.get("also", [])


def fired_gates(case: dict[str, Any], *, hints: bool = True) -> set[str]:
    """The gates that have something to say of a case."""
    facts, text = read_case(case)
    return {remark.check for remark in remarks(text, facts) if hints or remark.level != HINT}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--wrong", action="store_true", help="list what was missed and what was false")
    options = parser.parse_args()
    paths = options.files or [HOME / "quality_gates/sentences.tsv", HOME / "quality_gates/reports.toml"]
    for path in paths:
        tally, count = judge_reports(path) if path.suffix == ".toml" else judge_sentences(path)
        print(f"{path.name}: {count} cases\n{tally.table()}\n")
        if options.wrong:
            print("\n".join(tally.wrong))


if __name__ == "__main__":
    main()
