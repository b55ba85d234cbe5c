"""TLS for senders of HL7 (IHE ATNA; BCP 195)."""

from __future__ import annotations

import ssl

from ris.config_values import TlsFiles


def tls_context(files: TlsFiles | None) -> ssl.SSLContext | None:
    """TLS 1.2 or later, with a certificate of the sender's where a CA is named; None without files.

    Raises OSError (ssl.SSLError) when a file is no PEM file of its kind.
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
