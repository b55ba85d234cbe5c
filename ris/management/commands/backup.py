"""``bin/ris backup``: make, list, try and put back backups; release a restored system."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from ris.audit.chain import set_heads_aside
from ris.audit.services import Actor, record
from ris.config_values import Misconfigured
from ris.kernel.alarms import raise_alarm
from ris.kernel.clock import now
from ris.kernel.models import Alarm
from ris.kernel.queue import QUARANTINE_ALARM, leave_quarantine
from ris.operations import backups
from ris.operations.databases import QUARANTINE, RestoreError, current_database
from ris.operations.sealing import SealError, make_key
from ris.serving.start_checks import lock_data_folder


class Command(BaseCommand):
    help = "Backups of the database: key, now, list, drill, restore, quarantine, release. See docs/running.md."
    requires_system_checks: Any = []  # a failed check must not keep a backup from being restored

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        key = verbs.add_parser("key", help="make the key pair, once")
        key.add_argument("--to", required=True, type=Path, help="file for the private key; take it to another machine")
        verbs.add_parser("now", help="back up while the system runs")
        verbs.add_parser("list", help="list the backups, newest first")
        for verb, text in (
            ("drill", "restore one aside, check it, say how long it took; the system goes on"),
            ("restore", "put one in the place of the database, in quarantine; the system is stopped"),
        ):
            command = verbs.add_parser(verb, help=text)
            command.add_argument("file", nargs="?", type=Path, help="the backup (default: the newest)")
            command.add_argument("--key", required=True, type=Path, help="the private key")
            if verb == "restore":
                command.add_argument("--yes", action="store_true", help="what is in the database now may go")
        verbs.add_parser("quarantine", help="let a system send nothing, after its server was restored by other means")
        release = verbs.add_parser("release", help="let a restored system send again")
        release.add_argument("--reason", required=True, help="kept in the audit")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options)
        except (SealError, RestoreError, Misconfigured) as error:
            raise CommandError(str(error)) from None

    def _key(self, options: dict[str, Any]) -> None:
        make_key(backups.certificate(), options["to"])
        self.stdout.write(
            f"Backups are encrypted for {backups.certificate()}.\n"
            f"Take {options['to']} to another machine and delete it here: without it no backup can be read."
        )

    def _now(self, options: dict[str, Any]) -> None:
        file = backups.make_backup(current_database(), at=now())
        self.stdout.write(f"{file}  {file.stat().st_size / 1e6:.1f} MB")

    def _list(self, options: dict[str, Any]) -> None:
        for file in backups.list_backups():
            self.stdout.write(f"{file}  {file.stat().st_size / 1e6:.1f} MB")

    def _drill(self, options: dict[str, Any]) -> None:
        done = backups.drill(current_database(), self._file(options), options["key"])
        rows = sum(done.manifest.census.rows.values())
        trail = done.manifest.census.rows.get("audit_auditevent", 0)
        self.stdout.write(
            f"Backup of {done.manifest.made_at} ({done.manifest.kind}): {len(done.manifest.census.rows)} tables, "
            f"{rows} rows, {trail} of them audit. Restored and checked in {timedelta(seconds=round(done.seconds))}."
        )
        if done.differences:
            raise CommandError("NOT the same: " + "; ".join(done.differences))
        self.stdout.write("The same rows and the same audit trail.")

    def _restore(self, options: dict[str, Any]) -> None:
        if not options["yes"]:
            raise CommandError("What is in the database now will be gone. Say --yes if it may.")
        if settings.RIS.embedded:
            lock_data_folder(settings.RIS.data)  # refused while the system runs
        connections.close_all()  # an open connection would keep the old database from being replaced
        set_heads_aside(at=now())
        manifest = backups.restore(current_database(), self._file(options), options["key"])
        self.stdout.write(
            f"Restored as of {manifest.made_at}, in quarantine: nothing is sent and no archive is asked.\n"
            "Next: ./bin/ris prepare, start, look, then ./bin/ris backup release --reason …"
        )

    def _quarantine(self, options: dict[str, Any]) -> None:
        raise_alarm(QUARANTINE_ALARM, QUARANTINE, detail="Nothing is sent: ./bin/ris backup release", at=now())
        set_heads_aside(at=now())
        self.stdout.write("In quarantine: nothing is sent and no archive is asked until ./bin/ris backup release.")

    def _release(self, options: dict[str, Any]) -> None:
        alarm = Alarm.objects.filter(kind=QUARANTINE_ALARM, cleared_at=None).first()
        if alarm is None:
            raise CommandError("The system is not in quarantine.")
        leave_quarantine(at=now())
        record(Actor.job("command line"), "system.release", alarm, reason=options["reason"], at=now())
        self.stdout.write("Released: what is owed is sent from now on.")

    def _file(self, options: dict[str, Any]) -> Path:
        newest = options["file"] or next(iter(backups.list_backups()), None)
        if newest is None:
            raise CommandError(f"There is no backup in {backups.folder()}.")
        return Path(newest)
