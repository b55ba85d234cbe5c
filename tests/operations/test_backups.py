"""What is backed up comes back: all rows, the same audit trail, readable with the key only, and nothing is sent."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from interfaces.dicom.scu.association import RemoteAddress, Unreachable, open_association
from interfaces.hl7.outbound.sender import DestinationSender
from ris.audit.models import AuditEvent
from ris.audit.services import record
from ris.kernel.models import Alarm
from ris.kernel.queue import QUARANTINE_ALARM, is_quarantined
from ris.operations import backups
from ris.operations.databases import Database, PostgresDatabase, RestoreError, SqliteDatabase
from ris.operations.sealing import SealError, make_key
from tests.factories import NOON, TESTER, SiteFactory
from tests.interfaces.hl7.emr import destination, emr, owed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key(settings: Any, tmp_path: Path) -> Path:
    """The private key; data folder and backups are this test's own."""
    settings.RIS = dataclasses.replace(settings.RIS, data=tmp_path, backups=tmp_path / "backups")
    file = tmp_path / "private.pem"
    make_key(backups.certificate(), file)
    return file


@pytest.fixture
def database() -> Iterator[Database]:
    """The test's database, with a trail."""
    site = SiteFactory(name="Ünïcode ’ Hospital")
    for n in range(5):
        record(TESTER, "site.view", site, at=NOON, reason=f"no. {n}")
    given = connections["default"].settings_dict
    yield SqliteDatabase(Path(given["NAME"])) if connection.vendor == "sqlite" else PostgresDatabase(given)


def test_a_drill_finds_the_same_rows_and_the_same_audit_trail(database: Database, key: Path) -> None:
    file = backups.make_backup(database, at=NOON)
    assert file.stat().st_mode & 0o077 == 0
    assert b"site.view" not in file.read_bytes()
    done = backups.drill(database, file, key)
    assert done.differences == []
    assert done.manifest.census.rows["audit_auditevent"] == 5
    assert backups.list_backups() == [file]
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]  # nothing in the clear is left


def test_what_was_changed_by_one_bit_or_has_another_key_is_refused(
    database: Database, key: Path, tmp_path: Path
) -> None:
    file = backups.make_backup(database, at=NOON)
    make_key(tmp_path / "c2.pem", tmp_path / "k2.pem")
    with pytest.raises(SealError, match="another key"):
        backups.drill(database, file, tmp_path / "k2.pem")
    sealed = bytearray(file.read_bytes())
    sealed[len(sealed) // 2] ^= 1
    file.write_bytes(sealed)
    with pytest.raises(SealError, match="changed"):
        backups.drill(database, file, key)


def test_without_a_certificate_nothing_is_written_in_the_clear(
    database: Database, settings: Any, tmp_path: Path
) -> None:
    settings.RIS = dataclasses.replace(settings.RIS, data=tmp_path, backups=tmp_path / "b")
    with pytest.raises(SealError, match="backup key --to"):
        backups.make_backup(database, at=NOON)
    assert list((tmp_path / "b").iterdir()) == []


def test_a_key_that_is_there_is_never_overwritten(key: Path) -> None:
    with pytest.raises(SealError, match="is there already"):
        make_key(backups.certificate(), key.with_name("new.pem"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Database]:
    """The database of another machine, with what a broken disk left."""
    given = connections["default"].settings_dict
    if connection.vendor == "sqlite":
        file = tmp_path / "new" / "ris.sqlite3"
        file.parent.mkdir()
        file.write_bytes(b"what a broken disk left")
        file.with_name("ris.sqlite3-wal").write_bytes(b"x")
        yield SqliteDatabase(file)
        return
    name = f"restored_{uuid.uuid4().hex[:8]}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        yield PostgresDatabase(given | {"NAME": name})
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_what_was_destroyed_is_restored_whole_and_in_quarantine(
    database: Database, elsewhere: Database, key: Path, tmp_path: Path
) -> None:
    file = backups.make_backup(database, at=NOON)
    for _ in range(2):  # a restore that is done again changes nothing
        census = backups.restore(elsewhere, file, key).census
    restored = elsewhere.dump(tmp_path / "copy of what was restored")
    assert restored.rows.pop("kernel_alarm") == census.rows.pop("kernel_alarm") + 1
    assert census.differences(restored) == []
    assert restored.rows["audit_auditevent"] == 5


def test_a_backup_of_another_kind_of_database_is_refused_by_name(database: Database, key: Path) -> None:
    file = backups.make_backup(database, at=NOON)

    class Other(SqliteDatabase):
        kind = "oracle"

    with pytest.raises(RestoreError, match="runs on oracle: set DATABASE_URL"):
        backups.restore(Other(key), file, key)


def test_in_quarantine_nothing_is_sent_and_nobody_asked_until_a_person_releases_it(key: Path) -> None:
    Alarm.objects.create(kind=QUARANTINE_ALARM, subject="restored from a backup", raised_at=NOON, last_at=NOON)
    with emr() as (system, port):
        to = destination(port)
        owed(to)
        sender = DestinationSender(to.pk, clock=lambda: NOON)
        assert sender.drain() == 0
        with pytest.raises(Unreachable, match="quarantine"), open_association(RemoteAddress("PACS", "127.0.0.1", 9)):
            pass
        assert is_quarantined()
        call_command("backup", "release", reason="looked at by two")
        assert sender.drain() == 1
        assert system.control_ids == ["N1-1"]
    assert AuditEvent.objects.get(action="system.release").reason == "looked at by two"


def test_the_commands_say_what_was_done(database: Database, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("backup", "now")
    call_command("backup", "drill", key=key)
    assert "The same rows and the same audit trail." in capsys.readouterr().out
    with pytest.raises(CommandError, match="Say --yes"):
        call_command("backup", "restore", key=key)


def test_backups_are_made_by_themselves_where_somebody_made_a_key(database: Database, key: Path) -> None:
    made = backups.back_up_regularly(database, at=NOON)
    if connection.vendor == "postgresql":
        assert made is None, "its server archives the log (deploy/postgres)"
        return
    assert made is not None and backups.list_backups() == [made]
    assert backups.drill(database, made, key).differences == []
    backups.certificate().unlink()
    assert backups.back_up_regularly(database, at=NOON) is None


def test_of_a_day_all_are_kept_of_a_month_each_hour_of_a_year_each_day(tmp_path: Path) -> None:
    ages = [timedelta(minutes=5 * n) for n in range(12 * 24 * 3)] + [timedelta(days=n, hours=1) for n in (40, 41, 400)]
    ages += [timedelta(days=40, hours=2)]
    names = [f"wetread-{NOON - age:%Y%m%dT%H%M%SZ}.backup" for age in ages]
    files = [tmp_path / name for name in sorted([*names, "wetread-by-hand.backup"], reverse=True)]
    kept = [file.name for file in files if file not in backups.to_thin(files, at=NOON)]
    ages_kept = [age for age, name in zip(ages, names, strict=True) if name in kept]
    assert sum(age < timedelta(days=1) for age in ages_kept) == 12 * 24
    assert sum(timedelta(days=1) <= age < timedelta(days=3) for age in ages_kept) in (48, 49)
    assert sorted(age.days for age in ages_kept if age.days >= 30) == [40, 41]
    assert "wetread-by-hand.backup" in kept
