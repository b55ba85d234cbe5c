"""The role that serves reads and writes rows, and can neither change, empty nor unguard what only grows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.db import ProgrammingError, connection, transaction

from ris.audit.models import AuditEvent
from ris.audit.services import record
from ris.operations.grants import grant_application, may_tamper
from tests.factories import NOON, TESTER, SiteFactory, make_order

pytestmark = pytest.mark.django_db


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def served() -> Iterator[bool]:
    """Acts as the application's role; False where the database has no roles."""
    if connection.vendor != "postgresql":
        assert grant_application("anybody") == []
        yield False
        return
    role = f"wetread_app_{uuid.uuid4().hex[:8]}"
    run(f"CREATE ROLE {role}")  # undone with the test's transaction, as all that it was given
    assert "audit_auditevent" in grant_application(role)
    run(f"SET LOCAL ROLE {role}")
    yield True
    run("RESET ROLE")


def test_the_application_works_as_it_does_as_the_owner(served: bool) -> None:
    assert not may_tamper()
    make_order()
    record(TESTER, "site.view", SiteFactory(code="x"), at=NOON)
    assert AuditEvent.objects.filter(action="site.view").exists()


@pytest.mark.parametrize(
    "attack",
    [
        "TRUNCATE audit_auditevent",
        "TRUNCATE reporting_reportversion CASCADE",
        "ALTER TABLE audit_auditevent DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_auditevent_append_only ON audit_auditevent",
        "UPDATE audit_auditevent SET actor = 'nobody'",
        "DELETE FROM audit_auditevent",
        "DROP TABLE audit_auditevent",
        "DELETE FROM django_migrations",
        "CREATE TRIGGER x AFTER INSERT ON audit_auditevent EXECUTE FUNCTION refuse_change()",
    ],
)
def test_the_application_cannot_tamper_with_the_trail(served: bool, attack: str) -> None:
    if served:
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
            run(attack)
