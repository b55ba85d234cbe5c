"""Asking whether a device is there: C-ECHO to its address (PS3.4 annex A)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.catalog.models import Device
from ris.kernel.errors import Invalid

from ..models import DeviceProfile
from .association import RemoteAddress, Unreachable, open_association, read_status

WAIT_S = 5
"""For each of: a connection, the association, the answer. Somebody is looking at the page."""


@dataclass(frozen=True, slots=True)
class EchoResult:
    """What came of it. ``ms``: from calling to the answer, association included; ``words``: for people."""

    answered: bool
    words: str
    ms: float


def send_echo(device: Device, *, actor: Actor, at: datetime) -> EchoResult:
    """Send the device a C-ECHO at the address in its profile; audited with its outcome. Blocks for 15 s at most.

    Raises Invalid when the profile has no host or no port.
    """
    profile: DeviceProfile | None = getattr(device, "dicom_profile", None)
    if profile is None or not profile.host or not profile.port:
        raise Invalid("Give the device's profile a host and a port first.", at="host")
    said = _ask(RemoteAddress(device.ae_title, profile.host, profile.port, tls=profile.require_tls))
    record(actor, "device.echo", device, at=at, answered=said.answered, ms=round(said.ms))
    return said


def _ask(place: RemoteAddress) -> EchoResult:
    began = time.perf_counter()
    try:
        with open_association(place, Verification, wait_s=WAIT_S) as association:
            status = read_status(association.send_c_echo())
    except Unreachable as error:
        return EchoResult(False, f"No echo: {error}.", _since(began))
    taken = _since(began)
    if status != 0x0000:
        return EchoResult(False, f"No echo: {place.ae_title} answered with status {status:04X}.", taken)
    return EchoResult(True, f"{place.ae_title} answered in {taken:.0f} ms.", taken)


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
