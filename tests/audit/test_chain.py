"""The trail is sealed link by link, and whoever changes, removes or slips in an event is found."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import Max

from ris.audit.chain import heads_file, seal_trail
from ris.audit.models import AuditEvent, AuditSeal
from ris.audit.services import Actor, record
from ris.audit.verification import CHAIN_ALARM, verify_nightly, verify_trail
from ris.kernel.models import Alarm
from tests.factories import NOON, TESTER, SiteFactory, make_order, make_user

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def heads(settings: Any, tmp_path: Path) -> Path:
    settings.RIS = dataclasses.replace(settings.RIS, audit_heads=tmp_path / "heads.log")
    return heads_file()


@pytest.fixture
def sealed() -> list[int]:
    """Ids of nine events under three links."""
    site = SiteFactory()
    for minute in range(3):
        for n in range(3):
            record(TESTER, "site.view", site, at=NOON + minute * MINUTE, reason=f"Grund ü {minute}.{n}", found=n)
        seal_trail(at=NOON + minute * MINUTE)
    return list(AuditEvent.objects.order_by("pk").values_list("pk", flat=True))


def as_owner(statement: str, *values: Any) -> None:
    """What the owner of the tables can do, and who serves cannot: with the guard off."""
    with connection.cursor() as cursor:
        tables = ("audit_auditevent", "audit_auditseal")
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            if connection.vendor == "postgresql":
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
            else:
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_update")
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_delete")
        cursor.execute(statement, values)
        if connection.vendor == "postgresql":
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only")


def test_a_trail_that_nobody_touched_is_as_it_was_sealed(sealed: list[int], heads: Path) -> None:
    verdict = verify_trail(at=NOON, heads=heads)
    assert (verdict.findings, verdict.seals, verdict.events, verdict.unsealed) == ([], 3, 9, 0)
    assert heads.read_text().split()[-1] == verdict.head == AuditSeal.objects.get(number=3).head


@pytest.mark.parametrize(
    ("attack", "finding"),
    [
        (lambda ids: ("UPDATE audit_auditevent SET actor = 'nobody' WHERE id = %s", ids[4]), "seal 2 .*not what was"),
        (lambda ids: ("UPDATE audit_auditevent SET detail = '{}' WHERE id = %s", ids[1]), "seal 1 .*not what was"),
        (lambda ids: ("DELETE FROM audit_auditevent WHERE id = %s", ids[8]), "seal 3 .*2 events are there, 3 were"),
        (lambda ids: ("DELETE FROM audit_auditseal WHERE number = %s", 2), "seal 2 is not there"),
        (lambda ids: ("DELETE FROM audit_auditseal WHERE number = %s", 3), "seal 3 was written down outside"),
        (lambda ids: ("UPDATE audit_auditseal SET digest = 'x' WHERE number = %s", 2), "seal 2 is not what it was"),
    ],
)
def test_what_was_tampered_with_is_named(
    sealed: list[int], heads: Path, attack: Callable[[list[int]], tuple[Any, ...]], finding: str
) -> None:
    as_owner(*attack(sealed))
    verdict = verify_trail(at=NOON, heads=heads)
    assert any(re.search(finding, text) for text in verdict.findings), verdict.findings


def test_a_chain_that_was_made_anew_is_another_than_the_one_written_down_outside(
    sealed: list[int], heads: Path
) -> None:
    as_owner("UPDATE audit_auditevent SET actor = 'nobody' WHERE id = %s", sealed[0])
    kept = heads.read_text()
    as_owner("DELETE FROM audit_auditseal")
    seal_trail(at=NOON + 3 * MINUTE)
    heads.write_text(kept)
    assert verify_trail(at=NOON).findings == []
    assert "seal 1 is another one" in verify_trail(at=NOON, heads=heads).findings[0]


def test_an_event_whose_transaction_ends_after_the_seal_is_sealed_by_the_next_link(sealed: list[int]) -> None:
    """On PostgreSQL an id is taken when a transaction writes, and is seen when it commits."""
    last = sealed[-1]
    AuditEvent(pk=last + 5, at=NOON, actor="b", action="x", subject="S", subject_id="1").save(force_insert=True)
    seal_trail(at=NOON + 3 * MINUTE)
    AuditEvent(pk=last + 2, at=NOON, actor="a", action="x", subject="S", subject_id="1").save(force_insert=True)
    AuditEvent(pk=last + 4, at=NOON, actor="c", action="x", subject="S", subject_id="1").save(force_insert=True)
    (seal,) = seal_trail(at=NOON + 4 * MINUTE)
    assert (seal.count, seal.late, seal.last_id) == (2, [last + 2, last + 4], last + 5)
    assert seal_trail(at=NOON + 5 * MINUTE) == []
    assert verify_trail(at=NOON).findings == []
    as_owner("UPDATE audit_auditevent SET actor = 'z' WHERE id = %s", last + 4)
    assert "seal 5" in verify_trail(at=NOON).findings[0]


def test_an_event_slipped_in_behind_a_seal_is_found(sealed: list[int]) -> None:
    last = sealed[-1]
    AuditEvent(pk=last + 5, at=NOON, actor="b", action="x", subject="S", subject_id="1").save(force_insert=True)
    seal_trail(at=NOON + 3 * MINUTE)
    AuditEvent(pk=last + 1, at=NOON, actor="a", action="x", subject="S", subject_id="1").save(force_insert=True)
    assert seal_trail(at=NOON + timedelta(hours=2)) == [], "an hour later nobody's transaction is still open"
    assert verify_trail(at=NOON).findings == [f"1 events were added behind a seal, the first is {last + 1}"]


def test_a_night_check_raises_an_alarm_and_clears_it(sealed: list[int], heads: Path) -> None:
    as_owner("UPDATE audit_auditevent SET actor = 'nobody' WHERE id = %s", sealed[4])
    verify_nightly(heads, at=NOON)
    alarm = Alarm.objects.get(kind=CHAIN_ALARM, cleared_at=None)
    assert "seal 2" in alarm.detail and "nobody" not in alarm.detail
    as_owner("UPDATE audit_auditevent SET actor = %s WHERE id = %s", TESTER.name, sealed[4])
    verify_nightly(heads, at=NOON + timedelta(hours=1))
    assert not Alarm.objects.filter(kind=CHAIN_ALARM, cleared_at=None).exists()
    assert verify_nightly(heads, at=NOON + timedelta(hours=2)) is None, "once a day"
    assert verify_nightly(heads, at=NOON + timedelta(hours=26)) is not None


def test_a_trail_that_nobody_seals_is_a_finding() -> None:
    record(TESTER, "site.view", SiteFactory(), at=NOON)
    verdict = verify_trail(at=NOON + timedelta(minutes=5))
    assert (verdict.unsealed, verdict.findings) == (1, [])
    assert "not sealed" in verify_trail(at=NOON + timedelta(minutes=20)).findings[0]


def test_purpose_and_whom_one_acts_for_are_kept_and_sealed() -> None:
    attending, resident = make_user("attending"), make_user("resident")
    order = make_order()
    actor = Actor("resident", resident.pk, "10.0.0.9", purpose="BTG", acting_for_id=attending.pk)
    event = record(actor, "order.view", order, patient_id=order.patient_id, at=NOON)
    seal_trail(at=NOON)
    row = AuditEvent.objects.get(pk=event.pk)
    assert (row.purpose, row.acting_for) == ("BTG", attending)
    as_owner("UPDATE audit_auditevent SET purpose = '' WHERE id = %s", event.pk)
    assert verify_trail(at=NOON).findings != []


def test_a_link_holds_a_limited_number_of_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ris.audit.chain.MOST_EVENTS", 2)
    site = SiteFactory()
    for _ in range(5):
        record(TESTER, "site.view", site, at=NOON)
    assert [seal.count for seal in seal_trail(at=NOON)] == [2, 2, 1]
    assert AuditSeal.objects.aggregate(last=Max("last_id"))["last"] == AuditEvent.objects.order_by("-pk")[0].pk
    assert verify_trail(at=NOON).findings == []
