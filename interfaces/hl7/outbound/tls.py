"""TLS for senders of HL7 (IHE ATNA; BCP 195)."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any

from ris.config_values import TlsFiles


def tls_context(files: TlsFiles | None) -> ssl.SSLContext | None:
    """TLS 1.2 or later, with a certificate of the sender's where a CA is named; None without files.

    The files were tried when the settings were read (``ris.config_values``). Raises OSError when one changed since.
    """
    if files is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key)
    if files.ca:
        context.load_verify_locations(files.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def tls_faults(given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a destination's TLS files: name of the setting → what to do."""
    faults: dict[str, str] = {}
    if given.get("ca_file") and not _loads(lambda tls: tls.load_verify_locations(given["ca_file"])):
        faults["ca_file"] = "It holds no certificate (PEM) that can be read here. Name a file that does."
    own = given.get("cert_file")
    if given.get("tls") == "mutual" and not own:
        faults["cert_file"] = "Mutual TLS needs our certificate with its key. Name the PEM file that holds both."
    elif own and not _loads(lambda tls: tls.load_cert_chain(own, password=lambda: b"-")):
        faults["cert_file"] = "It holds no certificate with its key (PEM, no password). Name a file that holds both."
    return faults


def _loads(load: Callable[[ssl.SSLContext], object]) -> bool:
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        return False
    return True
