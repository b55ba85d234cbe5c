"""``./bin/ris report check < case.json``: what the checks before signing say of a case, as JSON, without a database.

``./bin/ris report index`` writes the searched rows of released reports that are missing or old.
``./bin/ris report states``: the life of a report as a diagram and a table, as they stand in ``docs/reporting.md``.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reporting.checks import Remark, read_case, remarks
from reporting.search.index import index_missing
from reporting.states import describe_life
from ris.kernel.errors import Invalid


class Command(BaseCommand):
    help = "Reports: check a text against facts, as before signing; index released reports for the search."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        check = verbs.add_parser("check", help="read a case as JSON, print remarks as JSON (docs/reporting-checks.md)")
        verbs.add_parser("index", help="index released reports whose searched row is missing or old")
        verbs.add_parser("states", help="print the life of a report: diagram (Mermaid) and table (Markdown)")
        check.add_argument("file", nargs="?", type=Path, help="left out, or -: standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "index":
            self.stdout.write(f"{index_missing()} reports were indexed.")
            return
        if options["verb"] == "states":
            self.stdout.write(describe_life())
            return
        file = options["file"]
        try:
            raw = file.read_bytes() if file and str(file) != "-" else sys.stdin.buffer.read()
            case = json.loads(raw.decode("utf-8-sig"))
            results = [print_case(entry) for entry in case] if isinstance(case, list) else print_case(case)
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise CommandError(f"The case cannot be read as JSON: {error}") from None
        except Invalid as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(json.dumps(results, ensure_ascii=False, indent=2))


def print_case(case: Any) -> list[dict[str, Any]]:
    """The remarks on one case as JSON. Raises Invalid."""
    facts, text = read_case(case)
    return [remark_as_json(remark) for remark in remarks(text, facts)]


def remark_as_json(remark: Remark) -> dict[str, Any]:
    """gate, section, quote, span [start, end) in the section, certainty 0–1, level (block, warn, hint), sentence."""
    return {
        "gate": remark.check,
        "section": remark.section,
        "quote": remark.quote,
        "span": [remark.start, remark.end],
        "certainty": remark.certainty,
        "level": remark.level,
        "sentence": remark.sentence,
    }
