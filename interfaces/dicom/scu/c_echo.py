"""Echo test of a device: C-ECHO to its address (PS3.4 annex A)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from ris.audit.services import Actor, record
from ris.catalog.models import Device
from ris.kernel.errors import Invalid

from ..models import DeviceProfile
from .association import RemoteAddress, Unreachable, open_association, read_status

WAIT_S = 5
"""For the connection, the association and the answer each: a person waits for the page."""


@dataclass(frozen=True, slots=True)
class EchoResult:
    """The outcome. ``ms``: from connecting to the answer, association included; ``words``: a sentence for people."""

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
    result = ask_echo(RemoteAddress(device.ae_title, profile.host, profile.port, tls=profile.require_tls))
    record(actor, "device.echo", device, at=at, answered=result.answered, ms=round(result.ms))
    return result


def ask_echo(place: RemoteAddress) -> EchoResult:
    """Send a C-ECHO to an address, unaudited: for a person who tries all systems at once. Blocks for 15 s at most."""
    begun = time.perf_counter()
    try:
        with open_association(place, Verification, wait_s=WAIT_S) as association:
            status = read_status(association.send_c_echo())
    except Unreachable as error:
        return EchoResult(False, f"No echo: {error}.", _since(begun))
    elapsed_ms = _since(begun)
    if status != 0x0000:
        return EchoResult(False, f"No echo: {place.ae_title} answered with status {status:04X}.", elapsed_ms)
    return EchoResult(True, f"{place.ae_title} answered in {elapsed_ms:.0f} ms.", elapsed_ms)


def _since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000
