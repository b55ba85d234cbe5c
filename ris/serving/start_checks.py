"""Checks before a role starts: schema, data folder, file descriptors. Each refusal names the command that cures it."""

from __future__ import annotations

import fcntl
import os
import resource
from pathlib import Path
from typing import Any

from django.db import OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

from ris.config_values import Misconfigured

LOCK_NAME = "lock"


def check_schema() -> None:
    """Refuse a database that lacks migrations of this version, or has some that only a newer version knows.

    A database that is away is not refused: the roles wait for it. Raises Misconfigured.
    """
    try:
        executor: Any = MigrationExecutor(connections["default"])
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError:
        return
    finally:
        connections["default"].close()
    if missing:
        first = f"{missing[0][0].app_label}.{missing[0][0].name}"
        problem = f"the database lacks {len(missing)} migrations of this version, the first is {first}."
        raise Misconfigured("DATABASE_URL", problem, "run “./bin/ris prepare”, then start again")
    ours = {app for app, _ in executor.loader.disk_migrations}
    newer = sorted(
        f"{app}.{name}"
        for app, name in executor.loader.applied_migrations
        if app in ours and (app, name) not in executor.loader.disk_migrations and not _is_replaced(executor, app, name)
    )
    if newer:
        problem = f"a newer version has changed the database ({', '.join(newer[:3])})."
        cure = "install that version again, or restore the backup that was made before (“./bin/ris backup list”)"
        raise Misconfigured("DATABASE_URL", problem, cure)


def _is_replaced(executor: Any, app: str, name: str) -> bool:
    """Whether a squashed migration of this version replaces it."""
    return any((app, name) in migration.replaces for migration in executor.loader.disk_migrations.values())


def lock_data_folder(folder: Path) -> int:
    """Keep a second system from the same data folder until this process ends; return the open file.

    The lock is the kernel's, so a killed process leaves none behind. Raises Misconfigured.
    """
    file = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(file, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(file)
        problem = f"{folder} is in use by another running system (process {holder})."
        raise Misconfigured("RIS_DATA", problem, "stop that one, or set RIS_DATA to a folder of its own") from None
    # Only now: before the lock is held, the file has the number of the process that holds it.
    os.truncate(file, 0)
    os.pwrite(file, f"{os.getpid()}\n".encode("ascii"), 0)
    return file


def raise_descriptor_limit() -> int:
    """Let this process have as many open files as it may; how many that is. Each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)  # more than all listeners' limits together
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft
