"""Backups: files that hold the whole database of one moment, encrypted; how they are made, listed, tried and put back.

A file is ``wetread-YYYYMMDDTHHMMSSZ.backup``: CMS over a tar of ``manifest.json`` and the copy. The key that signs
sessions is not in it: it is kept apart, as RIS_SECRET_KEY.
"""

from __future__ import annotations

import json
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings

from .databases import Census, Database, RestoreError
from .sealing import seal, unseal

FORMAT = 1
SUFFIX = ".backup"
CERTIFICATE = "backup-certificate.pem"
"""In the data folder. What it encrypts only its key decrypts, which is elsewhere."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: its moment (UTC, ISO 8601), the kind of database, and its census."""

    format: int
    made_at: str
    kind: str
    census: Census


@dataclass(frozen=True, slots=True)
class Drill:
    """How a drill went. ``differences``: what of the restored is not as it was backed up; none is what is wanted."""

    manifest: Manifest
    seconds: float
    differences: list[str]


def folder() -> Path:
    """Where backups are made: RIS_BACKUPS, else ``backups`` in the data folder (made with mode 700)."""
    place = settings.RIS.backups
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(place)


def certificate() -> Path:
    """The certificate that backups are encrypted for."""
    return Path(settings.RIS.data) / CERTIFICATE


def make_backup(database: Database, *, at: datetime) -> Path:
    """Copy the database while it is in use, encrypt the copy, and return the file. Raises SealError, RestoreError."""
    target = folder() / f"wetread-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"
    with _workshop() as work:
        census = database.dump(work / "copy")
        manifest = Manifest(FORMAT, at.astimezone(UTC).isoformat(timespec="seconds"), database.kind, census)
        (work / "manifest.json").write_text(json.dumps(asdict(manifest), indent=1))
        with tarfile.open(work / "plain.tar", "w") as tar:
            tar.add(work / "manifest.json", "manifest.json")
            tar.add(work / "copy", "copy")
        seal(work / "plain.tar", work / "sealed", certificate())
        (work / "sealed").chmod(0o600)
        with (work / "sealed").open("rb") as written:
            os.fsync(written.fileno())
        (work / "sealed").replace(target)  # on the same disk: a backup is there whole or not at all
    return target


def list_backups() -> list[Path]:
    """The backups of the folder, newest first."""
    return sorted(folder().glob(f"*{SUFFIX}"), reverse=True)


def back_up_regularly(database: Database, *, at: datetime) -> Path | None:
    """A backup, and the old ones thinned. None where nobody made a key, or where the server archives its own log.

    For SQLite, every five minutes: a copy of all costs seconds a gigabyte. PostgreSQL: ``deploy/postgres``.
    """
    if database.kind != "sqlite" or not certificate().exists():
        return None
    made = make_backup(database, at=at)
    for old in to_thin(list_backups(), at=at):
        old.unlink(missing_ok=True)
    return made


def to_thin(files: list[Path], *, at: datetime) -> list[Path]:
    """Those that need not be kept: of a day all are, of a month the first of each hour and of a year that of each day.

    ``files``: newest first. What bears no moment in its name, or one to come, is kept.
    """
    seen, thinned = set[str](), []
    for file in reversed(files):
        made_at = _moment_of(file)
        if made_at is None or at - made_at < timedelta(days=1):
            continue
        period = f"{made_at:%Y%m%d}" if at - made_at >= timedelta(days=30) else f"{made_at:%Y%m%d%H}"
        if period in seen or at - made_at >= timedelta(days=366):
            thinned.append(file)
        seen.add(period)
    return thinned


def _moment_of(file: Path) -> datetime | None:
    try:
        return datetime.strptime(file.name, f"wetread-%Y%m%dT%H%M%SZ{SUFFIX}").replace(tzinfo=UTC)
    except ValueError:
        return None


def restore(database: Database, backup: Path, key: Path) -> Manifest:
    """Put the backup in the place of the database, in quarantine; the copy is tried aside before anything is replaced.

    Raises SealError, RestoreError.
    """
    with _opened(backup, key) as (manifest, copy):
        _check_kind(database, manifest)
        differences = manifest.census.differences(database.try_load(copy))
        if differences:
            raise RestoreError(f"The backup is not what was backed up: {'; '.join(differences[:5])}.")
        database.load(copy)
    return manifest


def drill(database: Database, backup: Path, key: Path) -> Drill:
    """Restore the backup aside, check it, throw it away; what runs does not notice. Raises SealError, RestoreError."""
    started_s = time.monotonic()
    with _opened(backup, key) as (manifest, copy):
        _check_kind(database, manifest)
        differences = manifest.census.differences(database.try_load(copy))
    return Drill(manifest, time.monotonic() - started_s, differences)


def _check_kind(database: Database, manifest: Manifest) -> None:
    if manifest.kind != database.kind:
        cure = "set DATABASE_URL to a database of that kind"
        raise RestoreError(f"The backup is of {manifest.kind}, the system runs on {database.kind}: {cure}.")


@contextmanager
def _opened(backup: Path, key: Path) -> Iterator[tuple[Manifest, Path]]:
    with _workshop() as work:
        unseal(backup, work / "plain.tar", key)
        with tarfile.open(work / "plain.tar") as tar:
            for member in ("manifest.json", "copy"):
                tar.extract(member, work, filter="data")
        (work / "plain.tar").unlink()
        manifest = json.loads((work / "manifest.json").read_text())
        if manifest["format"] != FORMAT:
            raise RestoreError(f"The backup has format {manifest['format']}; this version reads format {FORMAT}.")
        yield (
            Manifest(manifest["format"], manifest["made_at"], manifest["kind"], Census(**manifest["census"])),
            work / "copy",
        )


@contextmanager
def _workshop() -> Iterator[Path]:
    """A folder for what is in the clear, mode 700, beside the backups, gone at the end."""
    with tempfile.TemporaryDirectory(dir=folder(), prefix=".work-") as work:
        yield Path(work)
