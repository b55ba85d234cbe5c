"""Reading one value of the environment, with a refusal that names the variable and the cure."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured

from ris.kernel.tls import TlsFiles, holds_certificate, holds_key_pair


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


def tls_files(prefix: str, env: Mapping[str, str]) -> TlsFiles | None:
    """The files that ``PREFIX_CERT``, ``PREFIX_KEY`` and ``PREFIX_CA`` name; None when none is set."""
    said = {part: env.get(f"{prefix}_{part}", "") for part in ("CERT", "KEY", "CA")}
    if not any(said.values()):
        return None
    for part, path in said.items():
        if not path and part != "CA":
            cure = f"set {prefix}_CERT and {prefix}_KEY, or none of the three"
            raise Misconfigured(f"{prefix}_{part}", "it is not set, but others of the three are.", cure)
        if path and not os.access(path, os.R_OK):
            cure = f"let {prefix}_{part} name a PEM file that this user can read"
            raise Misconfigured(f"{prefix}_{part}", f"{path} cannot be read.", cure)
    files = TlsFiles(said["CERT"], said["KEY"], said["CA"])
    _check_pem(prefix, files)
    return files


def _check_pem(prefix: str, files: TlsFiles) -> None:
    """Load the files as a listener will. Raises Misconfigured for the one that does not fit."""
    for part, path in (("CERT", files.cert), ("CA", files.ca)):
        if path and not holds_certificate(path):
            cure = f"let {prefix}_{part} name a file with -----BEGIN CERTIFICATE-----"
            raise Misconfigured(f"{prefix}_{part}", f"{path} holds no certificate (PEM).", cure)
    if not holds_key_pair(files.cert, files.key):
        cure = f"let {prefix}_KEY name the private key (PEM, without a password) that {prefix}_CERT was made for"
        raise Misconfigured(f"{prefix}_KEY", f"{files.key} is no private key of {files.cert}.", cure)


def web_url(variable: str, text: str) -> str:
    """``https://name`` or ``http://name:port``, perhaps with a path; without the slash at its end."""
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):
        raise Misconfigured(variable, "it is not the address of web pages.", "write it as https://ris.example")
    return text.rstrip("/")


def flag(variable: str, text: str) -> bool:
    """``1``/``0`` and their usual spellings."""
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return known[text.strip().lower()]
    except KeyError:
        raise Misconfigured(variable, f"“{text}” is neither yes nor no.", f"set {variable}=1 or {variable}=0") from None


def days(variable: str, text: str) -> int | None:
    """A whole number of days, at least one; None where nothing is said: for ever."""
    if not text.strip():
        return None
    if not (text.strip().isascii() and text.strip().isdigit()) or not 1 <= int(text) <= 36500:
        raise Misconfigured(variable, f"“{text}” is not a number of days.", f"set {variable}=365, or unset it")
    return int(text)


def address(variable: str, text: str) -> Address:
    """``host:port``, ``[IPv6]:port``."""
    host, colon, port = text.strip().rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare or (":" in host and bare == host) or not port.isascii() or not port.isdigit():
        raise Misconfigured(variable, f"“{text}” is not host:port.", f"write it as {variable}=127.0.0.1:8000")
    if int(port) > 65535:
        raise Misconfigured(variable, f"port {port} does not exist.", f"choose {variable} with a port up to 65535")
    return Address(bare, int(port))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener bound to ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def networks(variable: str, text: str) -> tuple[str, ...]:
    """IP addresses and networks, separated by commas."""
    names = words(text)
    for name in names:
        try:
            ipaddress.ip_network(name)
        except ValueError:
            cure = f"write {variable} as IP addresses or networks with commas between, such as 10.0.0.5,10.1.0.0/24"
            raise Misconfigured(variable, f"“{name}” is no IP address or network.", cure) from None
    return names


def host_names(variable: str, text: str) -> tuple[str, ...]:
    """Names or addresses as they stand in a browser's address line, without scheme and port."""
    names = words(text)
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", name):
            cure = f"write {variable} as names with commas between, without https:// and port: ris.hospital.example"
            raise Misconfigured(variable, f"“{name}” is no host name.", cure)
    return names


def role_name(variable: str, text: str) -> str:
    """The name of a role of PostgreSQL, as it is written without quotes; may be empty."""
    if text and not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", text):
        cure = f"write {variable} in small letters, digits and underscores: wetread_app"
        raise Misconfigured(variable, f"“{text}” is no name of a role.", cure)
    return text


def words(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def ae_title(variable: str, text: str) -> str:
    """A DICOM application entity title: 1 to 16 characters, no backslash or control character (PS3.5 6.2)."""
    title = text.strip()
    if not re.fullmatch(r"[ -\[\]-~]{1,16}", title):
        raise Misconfigured(variable, f"“{text}” is no AE title.", f"set {variable} to 1 to 16 letters and digits")
    return title
