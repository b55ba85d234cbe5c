"""Associations with other DICOM systems as SCU: time limits, and errors that say what a person can check."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association

from ris.kernel.queue import is_quarantined
from ris.kernel.tls import build_client_context

from ..encoding.log_privacy import keep_identifiers_out_of_logs
from ..models import Remote

CONNECT_S, ANSWER_S = 10, 60
"""Connecting is quick or fails; an archive may search for a while."""


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """The address of a system that has no :class:`Remote` row, such as a device."""

    ae_title: str
    host: str
    port: int
    tls: bool = False
    calling_ae: str = ""


class Unreachable(Exception):
    """The other system cannot be reached, rejects us, or answers with a failure. The message names no patient."""


@contextmanager
def open_association(remote: Remote | RemoteAddress, *sop_classes: str, wait_s: int = 0) -> Iterator[Association]:
    """An association with ``remote`` for these SOP classes. Raises Unreachable.

    ``wait_s``: seconds for each of its steps, instead of the usual ones.
    """
    refuse_in_quarantine()
    keep_identifiers_out_of_logs()
    ae = AE(ae_title=remote.calling_ae or settings.RIS.ae_title)
    # TCP and negotiation are short; an answer and the silence between two may take as long as a search.
    ae.connection_timeout = ae.acse_timeout = wait_s or CONNECT_S
    ae.dimse_timeout = ae.network_timeout = wait_s or ANSWER_S
    for sop_class in sop_classes:
        ae.add_requested_context(sop_class)
    tls = {"tls_args": (_context(), remote.host)} if remote.tls else {}
    association = ae.associate(remote.host, remote.port, ae_title=remote.ae_title, **tls)  # type: ignore[arg-type]
    if not association.is_established:
        why = "rejects our association" if association.is_rejected else "cannot be reached"
        raise Unreachable(f"{remote.ae_title} at {remote.host}:{remote.port} {why}")
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def refuse_in_quarantine() -> None:
    """Raise Unreachable in a system that was restored from a backup and that nobody has released yet."""
    if is_quarantined():
        raise Unreachable("this system is in quarantine (./bin/ris backup release)")


def _context() -> ssl.SSLContext:
    """TLS as client: trusts RIS_DICOM_CA, else what this machine trusts; shows our certificate when it is asked for."""
    files = settings.RIS.dicom_tls
    return build_client_context(files.ca, files.cert, files.key) if files else build_client_context()


def read_status(response: Dataset) -> int:
    """The status of an answer. Raises Unreachable when there is none (time-out, abort)."""
    status = response.get("Status")
    if status is None:
        raise Unreachable("no answer came")
    return int(status)
