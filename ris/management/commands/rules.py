"""``bin/ris rules export|import|check|tune|policy``: the rules of orchestration as YAML, and the score's numbers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ris.audit.services import Actor
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.kernel.errors import Refusal
from worklist.models import RuleSet
from worklist.rules.language.sentences import sentence
from worklist.selectors.replay.tuning import tune
from worklist.selectors.rules_in_force import policy_in_force
from worklist.services.rules_in_force import (
    checked,
    draft_rules,
    propose_policy,
    put_in_force,
    put_policy_in_force,
    read_yaml,
    retire_policy,
    write_yaml,
)


class Command(BaseCommand):
    help = "Export, check or import the rules that decide about urgency, due times and readers."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        export = what.add_parser("export", help="print the rules in force as YAML")
        check = what.add_parser("check", help="read a file, say the rules as sentences and what is wrong with them")
        load = what.add_parser("import", help="keep a file as a new draft version, or put it in force")
        tune = what.add_parser("tune", help="propose numbers of the score by this house's own past; changes nothing")
        tune.add_argument("--weeks", type=int, default=4, help="how many weeks before now")
        policy = what.add_parser("policy", help="show the score's numbers, or decide about proposed ones")
        policy.add_argument("--put-in-force", type=int, default=0, metavar="NUMBER", help="score by them from now on")
        policy.add_argument("--retire", type=int, default=0, metavar="NUMBER", help="score by the preset numbers again")
        for command in (check, load):
            command.add_argument("file", help="a YAML file, or - for the standard input")
        for command in (export, load):
            command.add_argument("--site", default="", help="code of the site; without it: everywhere")
        load.add_argument("--in-force", action="store_true", help="put it in force at once")
        load.add_argument("--note", default="")

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        try:
            getattr(self, f"_{what}")(options)
        except Refusal as refused:
            raise CommandError(str(refused)) from None

    def _export(self, options: dict[str, Any]) -> None:
        row = RuleSet.objects.filter(site=_site(options["site"]), state=RuleSet.LIVE).first()
        self.stdout.write(write_yaml(row.rules if row else []))

    def _check(self, options: dict[str, Any]) -> None:
        rules, flaws = checked(read_yaml(_read(options["file"])))
        for n, rule in enumerate(rules, 1):
            self.stdout.write(f"{n}. {rule.name}: {sentence(rule)}")
        for flaw in flaws:
            self.stdout.write(self.style.WARNING(f"{flaw.kind}: {flaw.sentence}"))
        if flaws:
            raise CommandError(f"{len(flaws)} of the rules want a second look.")
        self.stdout.write(self.style.SUCCESS(f"{len(rules)} rules, nothing wrong with them."))

    def _tune(self, options: dict[str, Any]) -> None:
        sites = list(Site.objects.values_list("pk", flat=True))
        present, at = policy_in_force(), now()
        proposal = tune(sites, until=at, weeks=options["weeks"], present=present)
        if proposal is None:
            self.stdout.write("Nothing that was tried is surely better than the numbers in force. Nothing is proposed.")
            return
        note, actor = f"by the {options['weeks']} weeks before {at:%Y-%m-%d}", Actor.job("rules tune")
        row = propose_policy(proposal.policy, expected=proposal.kept(), note=note, maker=None, actor=actor, at=at)
        self.stdout.write(f"{proposal.cases} cases of {proposal.weeks} weeks. Expected, with the error of the change:")
        for name, (before, after, change) in proposal.expected.items():
            values = {"now": before, "then": after, "change": change.mean, "error": change.error}
            self.stdout.write("  " + _change(name, values))
        for name, value in proposal.policy.kept().items():
            if value != present.kept()[name]:
                self.stdout.write(f"  {name}: {present.kept()[name]:g} → {value:g} min")
        self.stdout.write(f"Proposed as number {row.pk}. To score by it: rules policy --put-in-force {row.pk}")

    def _policy(self, options: dict[str, Any]) -> None:
        actor, at = Actor.job("rules policy"), now()
        if options["put_in_force"]:
            put_policy_in_force(options["put_in_force"], actor=actor, at=at)
        elif options["retire"]:
            retire_policy(options["retire"], actor=actor, at=at)
        for name, value in policy_in_force().kept().items():
            self.stdout.write(f"{name}: {value:g} min")

    def _import(self, options: dict[str, Any]) -> None:
        rules, actor, at = read_yaml(_read(options["file"])), Actor.job("rules import"), now()
        row = draft_rules(rules, site=_site(options["site"]), note=options["note"], maker=None, actor=actor, at=at)
        if options["in_force"]:
            row = put_in_force(row.pk, actor=actor, at=at)
        self.stdout.write(f"{row}: {row.state}")


def _change(name: str, row: dict[str, float]) -> str:
    return f"{name:24}{row['now']:10.2f} → {row['then']:10.2f}   {row['change']:+.2f} ± {row['error']:.2f}"


def _site(code: str) -> Site | None:
    if not code:
        return None
    site = Site.objects.filter(code=code).first()
    if site is None:
        raise CommandError(f"There is no site “{code}”.")
    return site


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"Cannot read {name}: {error.strerror}.") from None
