"""``./bin/ris templates import FILE… --user NAME``: MRRT files become templates; ``export ID``; ``check FILE…``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reporting.models import ReportTemplate
from reporting.writing.mrrt.writing import check_mrrt
from reporting.writing.templates import export_mrrt, import_mrrt
from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.kernel.errors import Refusal
from ris.people.models import User


class Command(BaseCommand):
    help = "Report templates: import MRRT files, export one, check files."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        importing = verbs.add_parser("import", help="make templates of MRRT files; says what was repaired or refused")
        importing.add_argument("files", nargs="+", type=Path)
        importing.add_argument("--user", required=True, help="who leads reading, in whose name they are imported")
        verbs.add_parser("export", help="print a template as MRRT").add_argument("id", type=int)
        verbs.add_parser("check", help="say what is wrong with MRRT files").add_argument("files", nargs="+", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "export":
            template = ReportTemplate.objects.filter(pk=options["id"]).first()
            if template is None:
                raise CommandError("There is no such template.")
            self.stdout.write(export_mrrt(template))
        elif options["verb"] == "check":
            wrong = [(file, line) for file in options["files"] for line in check_mrrt(file.read_text(errors="replace"))]
            for file, line in wrong:
                self.stdout.write(f"{file.name}: {line}")
            sys.exit(bool(wrong))
        else:
            self._import(options["files"], options["user"])

    def _import(self, files: list[Path], user_name: str) -> None:
        user = User.objects.filter(username=user_name, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no user {user_name}.")
        refused = 0
        for file in files:
            try:
                done = import_mrrt(
                    file.name, file.read_bytes(), user=user, actor=Actor.of_user(user, "command"), at=now()
                )
            except OSError as error:
                raise CommandError(str(error)) from None
            except Refusal as refusal:
                raise CommandError(refusal.detail) from None
            refused += done.template is None
            self.stdout.write(f"{file.name}: " + (f"refused, {done.refusal}" if done.template is None else
                              f"template {done.template.pk}, version {done.template.number}"))  # fmt: skip
            for line, what in done.repairs:
                self.stdout.write(f"  line {line}: {what}")
        self.stdout.write(f"{len(files) - refused} imported, {refused} refused.")
        sys.exit(bool(refused))
