"""Servers that the environment names by URL: database, Redis, mail. Each may stand in a file: ``NAME_FILE``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import environ

from .config_values import Misconfigured


def secret(env: Mapping[str, str], variable: str) -> str:
    """The value of ``variable``, or of the file that ``variable``\\ _FILE names, or an empty text."""
    path = env.get(f"{variable}_FILE")
    if not path:
        return env.get(variable, "")
    if env.get(variable):
        raise Misconfigured(variable, f"it is set, and {variable}_FILE too.", "unset one of the two")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        cure = f"let {variable}_FILE name a file that this user can read"
        raise Misconfigured(f"{variable}_FILE", f"{path} cannot be read ({error.strerror}).", cure) from None


def database(env: Mapping[str, str], data: Path) -> dict[str, Any]:
    """Django's settings of the database that DATABASE_URL names; without it, ``ris.sqlite3`` in the data folder."""
    url = secret(env, "DATABASE_URL") or f"sqlite:///{data / 'ris.sqlite3'}"
    cure = "write it as postgres://user:password@host:5432/name or sqlite:////path/of/file"
    try:
        with warnings.catch_warnings(action="ignore"):  # they show the password
            parsed = dict(environ.Env.db_url_config(url))
    except Exception:  # whatever the parser stumbles over; its message would show the password
        raise Misconfigured("DATABASE_URL", "it is not a database URL.", cure) from None
    engine = str(parsed.get("ENGINE", ""))
    if not engine.endswith((".sqlite3", ".postgresql")) or not parsed.get("NAME"):
        raise Misconfigured("DATABASE_URL", "it names neither a PostgreSQL database nor a SQLite file.", cure)
    if engine.endswith(".sqlite3"):
        _keep_private(Path(str(parsed["NAME"])))
    return parsed


def _keep_private(file: Path) -> None:
    """Let only this user read the SQLite file; its -wal and -shm follow it. SQLite itself would make it mode 644."""
    if str(file) == ":memory:":
        return
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # an empty file is an empty database
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)
    except OSError as error:
        cure = "let it name a file that this user owns and may write to"
        raise Misconfigured("DATABASE_URL", f"{file} cannot be opened ({error.strerror}).", cure) from None


def redis_url(env: Mapping[str, str]) -> str:
    """Where Redis is; empty when everything runs in one process."""
    url = secret(env, "REDIS_URL")
    if url and not url.startswith(("redis://", "rediss://", "unix://")):
        raise Misconfigured("REDIS_URL", "it is not a Redis URL.", "write it as redis://host:6379/0, or unset it")
    return url


def mail_server(env: Mapping[str, str]) -> dict[str, Any]:
    """Django's settings of the mail server that RIS_MAIL names; without it, the one on this machine (port 25)."""
    url = secret(env, "RIS_MAIL") or "smtp://localhost:25"
    cure = "write it as smtp://host:25, smtp+tls://user:password@host:587 or smtp+ssl://user:password@host:465"
    if not url.startswith(("smtp://", "smtp+tls://", "smtp+ssl://")):
        raise Misconfigured("RIS_MAIL", "it is not the URL of a mail server.", cure)
    try:
        parsed = dict(environ.Env.email_url_config(url))
    except Exception:  # whatever the parser stumbles over; its message would show the password
        raise Misconfigured("RIS_MAIL", "it is not the URL of a mail server.", cure) from None
    return {name: value for name, value in parsed.items() if name.startswith("EMAIL_") and name != "EMAIL_FILE_PATH"}
