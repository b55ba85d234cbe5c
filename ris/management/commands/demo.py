"""``bin/ris demo``: the demo hospital: seed, traffic, one scan, and the EMR."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ris.audit.services import Actor
from ris.demo.emr import ResultTaker
from ris.demo.hospital import seed_hospital
from ris.demo.scanner import DimseFailure, Scanner
from ris.demo.traffic import Day, Ports
from ris.kernel.clock import now
from ris.people.models import User
from ris.people.services import issue_token


class Command(BaseCommand):
    help = "The demo hospital: fill an empty database, play a day of traffic, take results as its EMR."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("seed", help="two sites, devices, catalog, staff")
        traffic = verbs.add_parser("traffic", help="orders, arrivals and exams through the real ports")
        traffic.add_argument("--speed", type=float, default=60, help="hospital seconds a second (default 60)")
        traffic.add_argument("--hours", type=float, default=24, help="hours of the hospital's day (default 24)")
        traffic.add_argument("--per-day", type=int, default=411, help="orders a day (default 411)")
        scan = verbs.add_parser("scan", help="play the scanner for one order: worklist, MPPS begun, MPPS completed")
        scan.add_argument("placer_number")
        scan.add_argument("--device", default="CT1", help="AE title of the scanner (default CT1)")
        emr = verbs.add_parser("emr", help="listen as the EMR: print and accept every result")
        emr.add_argument("--port", type=int, default=2576, help="on 127.0.0.1 (default 2576)")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['verb']}")(options)

    def _seed(self, options: dict[str, Any]) -> None:
        file = settings.RIS.data / "demo-users.txt"
        passwords = seed_hospital(file, at=now())
        for name, password in passwords.items():
            self.stdout.write(f"  {name:12} {password}")
        self.stdout.write(f"Demo users: {len(passwords)} new; passwords are kept in {file}")

    def _traffic(self, options: dict[str, Any]) -> None:
        tech = User.objects.filter(username="tech").first()
        if tech is None:
            raise CommandError("The demo hospital is not here: run './bin/ris demo seed' first.")
        token = issue_token(tech, label="demo traffic", actor=Actor.job("demo"), at=now())
        ris = settings.RIS
        day = Day(
            Ports(ris.http, ris.mllp, ris.dicom, ris.ae_title, token),
            speed=options["speed"],
            per_day=options["per_day"],
            say=self._say,
        )
        try:
            day.play(options["hours"])
        except OSError as error:
            raise CommandError(f"A port does not answer ({error}). Is './bin/run' running?") from error
        except KeyboardInterrupt:
            self.stdout.write("stopped")

    def _scan(self, options: dict[str, Any]) -> None:
        scanner = Scanner(options["device"], settings.RIS.dicom, settings.RIS.ae_title)
        try:
            entry = scanner.entry(options["placer_number"])
            if entry is None:
                raise CommandError(
                    f"{options['device']} has no order {options['placer_number']} on its worklist. "
                    f"Say why: ./bin/ris mwl explain --device {options['device']} --accession …"
                )
            scanner.complete(scanner.begin(entry))
        except DimseFailure as error:
            raise CommandError(f"{error}. Is './bin/run' running?") from error
        self.stdout.write(f"{options['device']} has done {options['placer_number']}.")

    def _emr(self, options: dict[str, Any]) -> None:
        with ResultTaker(("127.0.0.1", options["port"]), self._show) as server:
            self.stdout.write(f"The demo EMR takes results on 127.0.0.1:{options['port']}; Ctrl-C stops it.")
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                self.stdout.write("stopped")

    def _say(self, line: str) -> None:
        self.stdout.write(f"{time.strftime('%H:%M:%S')} {line}")
        self.stdout.flush()  # a pipe is buffered, and who watches wants each line at once

    def _show(self, message: str) -> None:
        self.stdout.write(message.replace("\r", "\n") + "\n")
        self.stdout.flush()
