"""The settings of the environment, read once, checked, and frozen.

Every variable is listed in :data:`VARIABLES`; anything else that begins with
``RIS_`` is taken for a spelling mistake. A wrong value raises
:class:`Misconfigured`, which names the variable and the cure, and nothing starts.
"""

from __future__ import annotations

import contextlib
import difflib
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ris.kernel.errors import Invalid
from ris.kernel.tls import TlsFiles
from ris.people.providers.configuration import IdentityProvider, read_providers

from .config_values import (
    Address,
    Misconfigured,
    address,
    ae_title,
    client_tls_files,
    days,
    flag,
    host_names,
    is_loopback,
    networks,
    place,
    role_name,
    secret,
    tls_files,
    web_url,
    words,
)

BASE_DIR = Path(__file__).resolve().parent.parent

VARIABLES = {
    "RIS_DATA": "folder of the database file, keys and demo passwords (default: var/ beside bin/)",
    "RIS_HTTP": "where the web pages and the API listen (default 127.0.0.1:8000)",
    "RIS_MLLP": "where HL7 messages are taken (default 127.0.0.1:2575)",
    "RIS_MLLP_CERT": "certificate (PEM) for TLS with senders of HL7; unset: no TLS",
    "RIS_MLLP_KEY": "its private key (PEM)",
    "RIS_MLLP_CA": "certificates (PEM) that senders of HL7 must show one of; unset: they need none",
    "RIS_HL7_KEEP_DAYS": "days after which HL7 messages that are dealt with are deleted; unset: never",
    "RIS_DICOM": "where scanners ask and report (default 127.0.0.1:11112)",
    "RIS_DICOM_CERT": "certificate (PEM) for TLS with scanners; unset: no TLS",
    "RIS_DICOM_KEY": "its private key (PEM)",
    "RIS_DICOM_CA": "certificates (PEM) that scanners must show one of; unset: they need none",
    "RIS_DICOM_SHARED": "1: several DICOM processes listen on the same port (default 0)",
    "RIS_DICOM_PROXY": "addresses of a TLS proxy of scanners that sends the PROXY protocol, with commas between",
    "RIS_DICOM_UNKNOWN": "site whose worklist AE titles see that no device has, or refuse (default refuse)",
    "RIS_AE_TITLE": "our DICOM AE title (default RIS)",
    "RIS_EMR": "host:port that takes our results; unset: they wait",
    "RIS_DEMO": "1: fill an empty database with the demo hospital (default 1)",
    "RIS_DEMO_LIVE": "1: the demo hospital works while it runs (default 1)",
    "RIS_DEMO_PACS": "1: start Orthanc, which must be installed, with made-up pictures of the demo's exams (default 0)",
    "RIS_ALLOW_PUBLIC": "1: let listeners bind other addresses than loopback (default 0)",
    "RIS_URL": "address by which people reach the web pages, for links in messages (default http:// and RIS_HTTP)",
    "RIS_MAIL": "smtp+tls://user:password@host:587, the mail server for messages (default the one on this machine)",
    "RIS_MAIL_FROM": "the sender of these messages (default wetread@localhost)",
    "RIS_HOSTS": "host names by which browsers reach this, with commas between",
    "RIS_WEBHOOK_NETWORKS": "internal networks that webhooks may go to, with commas between (default none)",
    "RIS_PROXY": "addresses of the TLS proxy in front of the web pages, with commas between",
    "RIS_DICTATION": "1: rooms take words from a dictation engine (default 0)",
    "RIS_LANGUAGE": "language of screens for whose browser asks for none that is here: en, de (default en)",
    "RIS_DATABASE_ROLE": "PostgreSQL role that serves and that “prepare” grants what it needs; unset: none",
    "RIS_BACKUPS": "folder for backups (default: backups/ in RIS_DATA; another disk is better)",
    "RIS_DOWNTIME": "folder of the downtime kit (default: downtime/ in RIS_DATA)",
    "RIS_AUDIT_HEADS": "file that heads of the audit chain are appended to (default audit-heads.log in RIS_DATA)",
    "RIS_SYSLOG": "host:port of the syslog collector (TLS) that audit messages go to; unset: none",
    "RIS_SYSLOG_CA": "certificates (PEM) that the collector must show one of; unset: those this machine trusts",
    "RIS_SYSLOG_CERT": "our certificate (PEM), for a collector that asks for one",
    "RIS_SYSLOG_KEY": "its private key (PEM)",
    "RIS_IDENTITY_PROVIDERS": "JSON list of identity providers (OIDC, SAML) that people log in by; unset: none",
    "RIS_SECRET_KEY": "the key that signs sessions; unset: made and kept in RIS_DATA",
    "RIS_SECRET_KEYS": "keys of secrets in the database; the first encrypts (default RIS_SECRET_KEY)",
    "DATABASE_URL": "postgres://user:password@host/name; unset: a SQLite file in RIS_DATA",
    "REDIS_URL": "redis://host:6379/0; unset: everything in one process",
}
"""Each variable and what it sets. A secret one can be read from a file: :data:`FROM_FILE`."""

FROM_FILE = (
    "RIS_SECRET_KEY", "RIS_SECRET_KEYS", "DATABASE_URL", "REDIS_URL", "RIS_MAIL", "RIS_IDENTITY_PROVIDERS",
)  # fmt: skip
"""For each of these, ``NAME_FILE`` may hold the path of a file with the value."""


@dataclass(frozen=True, slots=True)
class Config:
    """``settings.RIS``: where to listen and how to run. Holds no secret."""

    data: Path
    backups: Path
    downtime: Path
    audit_heads: Path
    syslog: Address | None
    syslog_tls: TlsFiles
    database_role: str
    """Empty: those who serve are the owner of the tables, too."""
    http: Address
    mllp: Address
    dicom: Address
    ae_title: str
    language: str
    emr: Address | None
    demo: bool
    demo_live: bool
    demo_pacs: bool
    dictation: bool
    url: str
    """Of the web pages, as people reach them; without a slash at the end."""
    hosts: tuple[str, ...]
    proxy: tuple[str, ...]
    webhook_networks: tuple[str, ...]
    """Internal ones; public addresses need no mention."""
    mllp_tls: TlsFiles | None
    hl7_keep_days: int | None
    """None: for ever."""
    dicom_tls: TlsFiles | None
    dicom_shared: bool
    dicom_proxy: tuple[str, ...]
    dicom_unknown: str
    """A site's code; ``*``: the first site (demo); empty: unknown AE titles are refused."""
    embedded: bool
    """No Redis: bells, screens and tasks live in one process."""

    @property
    def demo_log_in(self) -> bool:
        """Whether the log-in page offers the demo's roles: never where others reach it, directly or by a proxy."""
        return self.demo and self.demo_live and is_loopback(self.http.host) and not self.proxy and not self.hosts


def read_config(env: Mapping[str, str]) -> Config:
    """Check everything that can be checked without connecting anywhere. Raises Misconfigured."""
    _refuse_unknown(env)
    data = _data_folder(env.get("RIS_DATA", ""))
    config = Config(
        data=data,
        database_role=role_name("RIS_DATABASE_ROLE", env.get("RIS_DATABASE_ROLE", "")),
        backups=place(env.get("RIS_BACKUPS", ""), data / "backups"),
        downtime=place(env.get("RIS_DOWNTIME", ""), data / "downtime"),
        audit_heads=place(env.get("RIS_AUDIT_HEADS", ""), data / "audit-heads.log"),
        syslog=address("RIS_SYSLOG", env["RIS_SYSLOG"]) if env.get("RIS_SYSLOG") else None,
        syslog_tls=client_tls_files("RIS_SYSLOG", env),
        http=address("RIS_HTTP", env.get("RIS_HTTP") or "127.0.0.1:8000"),
        mllp=address("RIS_MLLP", env.get("RIS_MLLP") or "127.0.0.1:2575"),
        dicom=address("RIS_DICOM", env.get("RIS_DICOM") or "127.0.0.1:11112"),
        ae_title=ae_title("RIS_AE_TITLE", env.get("RIS_AE_TITLE") or "RIS"),
        language=env.get("RIS_LANGUAGE") or "en",
        emr=address("RIS_EMR", env["RIS_EMR"]) if env.get("RIS_EMR") else None,
        demo=flag("RIS_DEMO", env.get("RIS_DEMO") or "1"),
        demo_live=flag("RIS_DEMO_LIVE", env.get("RIS_DEMO_LIVE") or "1"),
        demo_pacs=flag("RIS_DEMO_PACS", env.get("RIS_DEMO_PACS") or "0"),
        dictation=flag("RIS_DICTATION", env.get("RIS_DICTATION") or "0"),
        url=web_url("RIS_URL", env.get("RIS_URL") or f"http://{env.get('RIS_HTTP') or '127.0.0.1:8000'}"),
        hosts=host_names("RIS_HOSTS", env.get("RIS_HOSTS", "")),
        proxy=networks("RIS_PROXY", env.get("RIS_PROXY", "")),
        webhook_networks=networks("RIS_WEBHOOK_NETWORKS", env.get("RIS_WEBHOOK_NETWORKS", "")),
        mllp_tls=tls_files("RIS_MLLP", env),
        hl7_keep_days=days("RIS_HL7_KEEP_DAYS", env.get("RIS_HL7_KEEP_DAYS", "")),
        dicom_tls=tls_files("RIS_DICOM", env),
        dicom_shared=flag("RIS_DICOM_SHARED", env.get("RIS_DICOM_SHARED") or "0"),
        dicom_proxy=networks("RIS_DICOM_PROXY", env.get("RIS_DICOM_PROXY", "")),
        dicom_unknown=_unknown_titles(env),
        embedded=not secret(env, "REDIS_URL"),
    )
    if not flag("RIS_ALLOW_PUBLIC", env.get("RIS_ALLOW_PUBLIC") or "0"):
        _refuse_public(config)
    return config


def secret_key(env: Mapping[str, str], data: Path) -> str:
    """The key given, or else the one kept in the data folder (mode 600), made at the first start."""
    given = secret(env, "RIS_SECRET_KEY")
    # 32 characters: HMAC-SHA256, which signs sessions, wants a key as long as its hash (RFC 2104, 3).
    if given and len(given) < 32:
        cure = "give at least 32 random characters, or unset it and one is made"
        raise Misconfigured("RIS_SECRET_KEY", "it is too short to be safe.", cure)
    return given or _kept_key(data / "secret-key")


def secret_keys(env: Mapping[str, str], key: str) -> tuple[str, ...]:
    """The ring of keys for secrets in the database: those given, else the key that signs sessions."""
    keys = words(secret(env, "RIS_SECRET_KEYS")) or (key,)
    if any(len(given) < 32 for given in keys):
        cure = "give keys of at least 32 random characters each, with commas between"
        raise Misconfigured("RIS_SECRET_KEYS", "one of them is too short to be safe.", cure)
    return keys


def identity_providers(env: Mapping[str, str]) -> dict[str, IdentityProvider]:
    """The identity providers by id. Raises Misconfigured, whose words show no secret."""
    try:
        return read_providers(secret(env, "RIS_IDENTITY_PROVIDERS"))
    except Invalid as error:
        raise Misconfigured("RIS_IDENTITY_PROVIDERS", error.detail, f"give {error.at}") from None


def _refuse_unknown(env: Mapping[str, str]) -> None:
    known = [*VARIABLES, *(f"{name}_FILE" for name in FROM_FILE)]
    for name in env:
        if name.startswith("RIS_") and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            cure = f"did you mean {close[0]}?" if close else f"unset it; known are {', '.join(sorted(known))}"
            raise Misconfigured(name, "there is no such setting.", cure)


def _refuse_public(config: Config) -> None:
    """A listener without TLS and allow-list stays on loopback unless a person says otherwise by name."""
    for variable, where in (("RIS_HTTP", config.http), ("RIS_MLLP", config.mllp), ("RIS_DICOM", config.dicom)):
        if not is_loopback(where.host):
            cure = (
                f"set {variable}=127.0.0.1:{where.port}, or RIS_ALLOW_PUBLIC=1 when a TLS proxy, "
                "a VPN or a firewall decides who reaches it"
            )
            raise Misconfigured(variable, f"{where} can be reached from other machines.", cure)


def _unknown_titles(env: Mapping[str, str]) -> str:
    """The value of ``Config.dicom_unknown``; unset: in the demo the first site's worklist, else refused."""
    given = env.get("RIS_DICOM_UNKNOWN", "").strip()
    if not given:
        return "*" if flag("RIS_DEMO", env.get("RIS_DEMO") or "1") else ""
    return "" if given == "refuse" else given


def _data_folder(text: str) -> Path:
    folder = Path(text).expanduser().absolute() if text else BASE_DIR / "var"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Writing shows it: mode bits say nothing of a read-only mount or of access lists.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        cure = "set RIS_DATA to a folder that this user may write to"
        raise Misconfigured("RIS_DATA", f"{folder} cannot be written to ({error.strerror}).", cure) from None
    return folder


def _kept_key(file: Path) -> str:
    """Several processes may start at once: the first to link its key wins, the others read it."""
    if not file.exists():
        with tempfile.NamedTemporaryFile("w", dir=file.parent, encoding="ascii") as fresh:  # made with mode 600
            fresh.write(secrets.token_urlsafe(50))
            fresh.flush()
            # A link is made whole or not at all: no process reads half a key, or overwrites one in use.
            with contextlib.suppress(FileExistsError):
                file.hardlink_to(fresh.name)
    return file.read_text(encoding="ascii").strip()
