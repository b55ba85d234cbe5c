"""``bin/ris token``: issue an API token."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.people.models import User
from ris.people.services import issue_token


class Command(BaseCommand):
    help = "Print a new API token of a user. It is shown once; only its digest is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name")
        parser.add_argument("--label", default="command line", help="what the token is for")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            names = ", ".join(User.objects.filter(is_active=True).values_list("username", flat=True)[:30])
            raise CommandError(f"There is no active user {options['user']!r}. There are: {names}")
        self.stdout.write(issue_token(user, label=options["label"], actor=Actor.job("command line"), at=now()))
