"""What is wrong before the start is refused by name, with the command that cures it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.db.migrations.recorder import MigrationRecorder

from ris.config_values import Misconfigured, database
from ris.serving.start_checks import check_schema, lock_data_folder

Migration = MigrationRecorder.Migration


@pytest.mark.django_db(transaction=True)
def test_a_database_that_lacks_a_migration_is_refused_with_the_command_that_brings_it() -> None:
    check_schema()
    row = Migration.objects.filter(app="audit").latest("pk")
    Migration.objects.filter(pk=row.pk).delete()
    try:
        with pytest.raises(Misconfigured, match=f"lacks 1 migrations.*audit.{row.name}(.|\n)*ris prepare"):
            check_schema()
    finally:
        Migration.objects.create(app=row.app, name=row.name, applied=row.applied)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_a_newer_version_has_changed_is_refused() -> None:
    row = Migration.objects.create(app="kernel", name="9999_of_next_year")
    Migration.objects.create(app="a_plugin_that_is_gone", name="0001_initial")
    try:
        with pytest.raises(Misconfigured, match=r"newer version.*kernel\.9999_of_next_year\)"):
            check_schema()
    finally:
        Migration.objects.filter(pk=row.pk).delete()
        Migration.objects.filter(app="a_plugin_that_is_gone").delete()


def test_a_second_system_on_one_data_folder_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    first = lock_data_folder(tmp_path)
    with pytest.raises(Misconfigured, match=f"in use by another running system .process {os.getpid()}"):
        lock_data_folder(tmp_path)
    os.close(first)  # as the kernel does when a process ends, however it ends
    os.close(lock_data_folder(tmp_path))


@pytest.mark.parametrize("mode", [None, 0o644, 0o666])
def test_only_this_user_can_read_the_database_file(tmp_path: Path, mode: int | None) -> None:
    file = tmp_path / "ris.sqlite3"
    if mode is not None:
        file.touch()
        file.chmod(mode)
    database({}, tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
