"""TLS for all that listens and calls: 1.2 or later (BCP 195; DICOM PS3.15 B.9 to B.11; IHE ATNA).

Imports the standard library only, since settings are checked with it before Django is there.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class TlsFiles(NamedTuple):
    """Paths of PEM files. An empty ``ca``: the other side shows no certificate."""

    cert: str
    key: str
    ca: str


def build_server_context(files: TlsFiles | None) -> ssl.SSLContext | None:
    """For a listener: callers must show a certificate where a CA is named. None without files: no TLS.

    The files were tried when the settings were read (``ris.config_values``). Raises OSError when one changed since.
    """
    if files is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # BCP 195 (RFC 9325 3.1.1): no TLS 1.0 or 1.1; OpenSSL's own default may be lower.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key)
    if files.ca:
        context.load_verify_locations(files.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def build_client_context(ca: str = "", cert: str = "", key: str = "") -> ssl.SSLContext:
    """For a call: the peer must show a certificate of ``ca``, or of what this machine trusts, with its host name.

    ``cert`` is ours, for a peer that asks for one; an empty ``key``: it is in the same file. Raises OSError.
    """
    context = ssl.create_default_context(cafile=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert:
        context.load_cert_chain(cert, key or None)
    return context


def common_name(certificate: Mapping[str, Any] | None) -> str:
    """The common name of a certificate as ``SSLSocket.getpeercert`` gives it; empty where none was shown."""
    names = ((certificate or {}).get("subject") or ()) if certificate else ()
    return next((str(value) for part in names for key, value in part if key == "commonName"), "")


def holds_certificate(path: str) -> bool:
    """Whether a file holds a certificate (PEM) that can be read here."""
    return _loads(lambda context: context.load_verify_locations(path))


def holds_key_pair(cert: str, key: str = "") -> bool:
    """Whether the files hold a certificate and its private key without a password; an empty ``key``: one file."""
    return _loads(lambda context: context.load_cert_chain(cert, key or None, password=lambda: b"-"))


def _loads(load: Callable[[ssl.SSLContext], object]) -> bool:
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        return False
    return True
