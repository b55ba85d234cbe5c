"""A critical finding for tests: marked while reading, of a patient whose name nobody outside may see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core import mail

from reporting import services
from reporting.critical.ladder import climb_critical_rungs
from reporting.critical.messages import send_critical_messages
from reporting.models import CriticalFinding
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, PatientFactory, SiteFactory, make_user
from tests.reporting.written import by
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist
from worklist.models import ReadingItem

SECRET = "ZZSECRET"
FINDING = "Large subdural haematoma"
MARK = {"critical_level": "red", "critical_finding": FINDING}


def referrer(name: str = "zzreferrer") -> User:
    return make_user(name, Role.REFERRER, sites=(SiteFactory(),), email=f"{name}@hospital.test", first_name="Ann")


def held_case(reader: User, **order: Any) -> ReadingItem:
    item = make_item(patient=PatientFactory(family_name=SECRET), **order)
    return worklist.claim(item.pk, **by(reader))


def marked(reader: User | None = None, *, ordered_by: User | None = None, **order: Any) -> CriticalFinding:
    """A finding that a reader marked at noon in an unsigned draft; the limit of red is an hour."""
    reader = reader or make_reader()
    item = held_case(reader, **order)
    if ordered_by is not None:
        type(item.procedure.order).objects.filter(pk=item.procedure.order_id).update(referrer=ordered_by)
    services.save_draft(
        item.pk, revision=0, sections={"findings": FINDING, "impression": FINDING, **MARK}, **by(reader)
    )
    return CriticalFinding.objects.get(report__item=item)


def after(minutes: float) -> None:
    """Let so much time pass since the mark: what is due then is climbed and sent."""
    at = NOON + timedelta(minutes=minutes)
    while climb_critical_rungs(at) + send_critical_messages(at=at):
        pass


def link_in(message: Any) -> str:
    """The path of the link in a mail."""
    return "/critical/link/" + message.body.split("/critical/link/")[1].split()[0]


def outbox() -> list[Any]:
    return mail.outbox
