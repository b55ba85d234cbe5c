"""The role chooser of the demo's log-in page: a log-in as one of the demo's own users, whose password lies in a file.

It opens no way round the log-in: the form is filled in by the server, and what refuses a password refuses this.
``settings.RIS.demo_log_in`` says where it is offered: never without the demo, on an address that others reach, or
behind a proxy.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from ris.people.models import User
from ris.people.roles import Role

FILE = "demo-users.txt"
"""In the data folder, for its owner alone: a user name and a password a line, as the demo was seeded."""

WORK = {
    Role.RADIOLOGIST: "Reads and signs",
    Role.RESIDENT: "Reads, for a radiologist to sign",
    Role.LEAD: "Sees that nothing waits too long",
    Role.TECHNOLOGIST: "Does the exams",
    Role.SCHEDULER: "Orders, books, moves",
    Role.REFERRER: "Receives the results",
    Role.ANALYST: "Watches the interfaces",
    Role.ADMINISTRATOR: "Sets up people and devices",
    Role.PRIVACY_OFFICER: "Sees who looked at what",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A role that the log-in page offers, and the user who has it."""

    role: str
    work: str
    username: str
    name: str


def offers() -> list[Offer]:
    """The first seeded user of each role; none where roles are not offered."""
    passwords = _passwords()
    if not passwords:
        return []
    users = User.objects.filter(username__in=passwords, is_active=True).prefetch_related("groups")
    by_name = {user.username: user for user in users}
    first: dict[str, User] = {}
    for name in passwords:
        for group in by_name[name].groups.all() if name in by_name else ():
            first.setdefault(group.name, by_name[name])
    return [
        Offer(role.value.capitalize(), work, first[role].username, first[role].display_name)
        for role, work in WORK.items()
        if role in first
    ]


def password_of(username: str) -> str:
    """The seeded password of a user whom the page offers; empty for everybody else."""
    return _passwords().get(username, "") if username in {offer.username for offer in offers()} else ""


def _passwords() -> dict[str, str]:
    file = settings.RIS.data / FILE
    if not settings.RIS.demo_log_in or not file.exists():
        return {}
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split(maxsplit=1) for line in lines if line.strip())
