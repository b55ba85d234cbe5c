"""Reads one value of the environment. Each refusal names the variable and the cure, and shows no password.

Values, then TLS files, then the servers that are named by URL: database, Redis, mail.
"""

from __future__ import annotations

import ipaddress
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import environ
from django.conf.locale import LANG_INFO
from django.core.exceptions import ImproperlyConfigured

from ris.kernel.language.po import compiled, languages_in
from ris.kernel.tls import TlsFiles, holds_certificate, holds_key_pair
from ris.kernel.values import number_or_none


class Misconfigured(ImproperlyConfigured):
    """A setting is wrong: nothing starts until it is cured."""

    def __init__(self, variable: str, problem: str, cure: str) -> None:
        super().__init__(f"{variable}: {problem}\n  Cure: {cure}")
        self.variable = variable


class Address(NamedTuple):
    """Where to listen or to connect: a host name or IP address, and a TCP port (0: any free one)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def web_url(variable: str, text: str) -> str:
    """Read ``https://name`` or ``http://name:port``, perhaps with a path; without the slash at its end."""
    # No "@": a password in an address that stands in messages would be sent to everybody.
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):
        raise Misconfigured(variable, "it is not the address of web pages.", "write it as https://ris.example")
    return text.rstrip("/")


def place(text: str, default: Path) -> Path:
    """Read the path of a file or folder; ``default`` for an empty text."""
    return Path(text).expanduser().absolute() if text else default


def flag(variable: str, text: str) -> bool:
    """Read ``1``, ``0`` and their usual spellings."""
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return known[text.strip().lower()]
    except KeyError:
        raise Misconfigured(variable, f"“{text}” is neither yes nor no.", f"set {variable}=1 or {variable}=0") from None


def days(variable: str, text: str) -> int | None:
    """Read a whole number of days from 1 to 36500. None for an empty text: for ever."""
    if not text.strip():
        return None
    # A hundred years at most: now() less the days must stay a date that Python has.
    number = number_or_none(text, least=1, most=36500)
    if number is None:
        raise Misconfigured(variable, f"“{text}” is not a number of days.", f"set {variable}=365, or unset it")
    return number


def address(variable: str, text: str) -> Address:
    """Read ``host:port`` or ``[IPv6]:port`` (RFC 3986, 3.2.2: brackets, since IPv6 has colons, too)."""
    host, colon, port = text.strip().rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    number = number_or_none(port)
    if not colon or not bare or (":" in host and bare == host) or number is None:
        raise Misconfigured(variable, f"“{text}” is not host:port.", f"write it as {variable}=127.0.0.1:8000")
    if number > 65535:
        raise Misconfigured(variable, f"port {port} does not exist.", f"choose {variable} with a port up to 65535")
    return Address(bare, number)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener bound to ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def networks(variable: str, text: str) -> tuple[str, ...]:
    """Read IP addresses and networks, separated by commas."""
    names = words(text)
    for name in names:
        try:
            ipaddress.ip_network(name)
        except ValueError:
            cure = f"write {variable} as IP addresses or networks with commas between, such as 10.0.0.5,10.1.0.0/24"
            raise Misconfigured(variable, f"“{name}” is no IP address or network.", cure) from None
    return names


def host_names(variable: str, text: str) -> tuple[str, ...]:
    """Read names or addresses as they stand in a browser's address line, without scheme and port."""
    names = words(text)
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", name):
            cure = f"write {variable} as names with commas between, without https:// and port: ris.hospital.example"
            raise Misconfigured(variable, f"“{name}” is no host name.", cure)
    return names


def role_name(variable: str, text: str) -> str:
    """Read the name of a role of PostgreSQL, as it is written without quotes; may be empty."""
    # NAMEDATALEN: PostgreSQL cuts an identifier after 63 bytes without an error.
    if text and not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", text):
        cure = f"write {variable} in small letters, digits and underscores: wetread_app"
        raise Misconfigured(variable, f"“{text}” is no name of a role.", cure)
    return text


def words(text: str) -> tuple[str, ...]:
    """Split a text at its commas; empty parts are left out."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def ae_title(variable: str, text: str) -> str:
    """Read a DICOM application entity title: 1 to 16 characters, no backslash or control character (PS3.5 6.2)."""
    title = text.strip()  # leading and trailing spaces are not significant in VR AE
    if not re.fullmatch(r"[ -\[\]-~]{1,16}", title):
        raise Misconfigured(variable, f"“{text}” is no AE title.", f"set {variable} to 1 to 16 letters and digits")
    return title


def tls_files(prefix: str, env: Mapping[str, str]) -> TlsFiles | None:
    """The files that ``PREFIX_CERT``, ``PREFIX_KEY`` and ``PREFIX_CA`` name; None when none is set."""
    paths = {part: env.get(f"{prefix}_{part}", "") for part in ("CERT", "KEY", "CA")}
    if not any(paths.values()):
        return None
    for part, path in paths.items():
        if not path and part != "CA":
            cure = f"set {prefix}_CERT and {prefix}_KEY, or none of the three"
            raise Misconfigured(f"{prefix}_{part}", "it is not set, but others of the three are.", cure)
        if path and not os.access(path, os.R_OK):
            cure = f"let {prefix}_{part} name a PEM file that this user can read"
            raise Misconfigured(f"{prefix}_{part}", f"{path} cannot be read.", cure)
    files = TlsFiles(paths["CERT"], paths["KEY"], paths["CA"])
    _check_pem(prefix, files)
    return files


def client_tls_files(prefix: str, env: Mapping[str, str]) -> TlsFiles:
    """The files of a call: whom we trust (``PREFIX_CA``), and our certificate with its key; each may be empty."""
    given = TlsFiles(*(env.get(f"{prefix}_{part}", "") for part in ("CERT", "KEY", "CA")))
    if given.cert or given.key:
        tls_files(prefix, env)
    elif given.ca and not (os.access(given.ca, os.R_OK) and holds_certificate(given.ca)):
        cure = f"let {prefix}_CA name a file with -----BEGIN CERTIFICATE----- that this user can read"
        raise Misconfigured(f"{prefix}_CA", f"{given.ca} holds no certificate (PEM).", cure)
    return given


def _check_pem(prefix: str, files: TlsFiles) -> None:
    """Load the files as a listener will. Raises Misconfigured for the one that does not fit."""
    for part, path in (("CERT", files.cert), ("CA", files.ca)):
        if path and not holds_certificate(path):
            cure = f"let {prefix}_{part} name a file with -----BEGIN CERTIFICATE-----"
            raise Misconfigured(f"{prefix}_{part}", f"{path} holds no certificate (PEM).", cure)
    if not holds_key_pair(files.cert, files.key):
        cure = f"let {prefix}_KEY name the private key (PEM, without a password) that {prefix}_CERT was made for"
        raise Misconfigured(f"{prefix}_KEY", f"{files.key} is no private key of {files.cert}.", cure)


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


def languages(chosen: str, folder: Path, made: Path) -> dict[str, Any]:
    """Django's settings of languages: ``chosen`` by the site, of those with a catalogue in ``folder``."""
    known = [(code, str(LANG_INFO[code]["name_local"])) for code in ("en", *languages_in(folder))]
    if chosen not in dict(known):
        raise Misconfigured("RIS_LANGUAGE", "there is no such language", f"take one of {', '.join(dict(known))}")
    return {"LANGUAGE_CODE": chosen, "LANGUAGES": known, "LOCALE_PATHS": [compiled(folder, made)]}
