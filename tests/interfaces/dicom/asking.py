"""Ask the worklist without a socket: a query as pydicom writes it, answers as pydicom reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from interfaces.dicom.mwl.query import QueryOutcome, answer_query
from interfaces.dicom.upper_layer.admission import Caller, caller_of_device
from ris.catalog.models import Device
from tests.factories import NOON


def ask(
    query: Dataset | bytes, *, device: Device | None = None, at: datetime = NOON, implicit: bool = True, **caller: Any
) -> tuple[list[int], list[Dataset], QueryOutcome]:
    """The statuses, the identifiers and the outcome of one query. Keywords override the caller's settings."""
    identifier = query if isinstance(query, bytes) else encode(query, implicit, True)
    who = (
        caller_of_device(device) if device else Caller(ae_title="ANY", address="127.0.0.1", time_zone="America/Chicago")
    )
    outcome = QueryOutcome()
    drawn = list(
        answer_query(
            identifier,
            implicit=implicit,
            caller=replace(who, **caller),
            at=at,
            cancelled=lambda: False,
            outcome=outcome,
        )
    )
    entries = [decode(BytesIO(a.identifier), implicit, True) for a in drawn if a.identifier is not None]
    return [a.status for a in drawn], entries, outcome


def found(query: Dataset, **options: Any) -> list[str]:
    """The accession numbers that a query finds, in order."""
    return [entry.AccessionNumber for entry in ask(query, **options)[1]]
