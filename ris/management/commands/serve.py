"""``bin/ris serve``: run one role, or all of them under a supervisor."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ris.config_values import Misconfigured
from ris.demo.pacs import DemoPacs
from ris.demo.role import Demo, is_live
from ris.logs import places
from ris.serving.roles import ROLES, import_late_modules
from ris.serving.start_checks import check_schema, lock_data_folder, raise_descriptor_limit
from ris.serving.supervisor import Role, Supervisor

log = structlog.get_logger(__name__)


def _say_died(died: threading.ExceptHookArgs) -> None:
    """Log that a thread died, with the error's type and place only: its text may quote a row."""
    name = died.thread.name if died.thread else ""
    log.error("thread.died", thread=name, error=died.exc_type.__name__, places=places(died.exc_traceback))


def _list_demo_roles() -> list[Role]:
    ris = settings.RIS
    pictures: list[Role] = [DemoPacs()] if ris.demo and ris.demo_pacs else []
    return [*pictures, Demo()] if is_live() else pictures


class Command(BaseCommand):
    help = "Run a role until Ctrl-C or SIGTERM: web, worker, beat, hl7, dicom, or all of them in one process."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role", choices=["all", *ROLES])

    def handle(self, *args: Any, **options: Any) -> None:
        names = list(ROLES) if options["role"] == "all" else [options["role"]]
        if settings.RIS.embedded and len(names) == 1:
            raise CommandError(
                "REDIS_URL: it is not set, and roles in processes of their own cannot hear each other without it.\n"
                "  Cure: set REDIS_URL=redis://host:6379/0, or run everything in one process with “serve all”."
            )
        import_late_modules()
        raise_descriptor_limit()
        threading.excepthook = _say_died
        played = _list_demo_roles() if options["role"] == "all" else []
        supervisor = Supervisor([*(ROLES[name]() for name in names), *played], self._say)
        try:
            if settings.RIS.embedded:  # roles in processes of their own share the folder: it holds the key only
                lock_data_folder(settings.RIS.data)
            supervisor.prepare()  # a missing module is named before a schema, which cannot be cured without it
            check_schema()
            code = supervisor.serve()
        except Misconfigured as error:
            raise CommandError(f"Cannot start.\n  {error}") from None
        except KeyboardInterrupt:
            code = 130
        sys.stderr.flush()
        os._exit(code)  # threads of libraries that still sleep must not keep a stopped system alive

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
