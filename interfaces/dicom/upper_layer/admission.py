"""Who may associate (PS3.8 9.3.4): the device that an association belongs to, and what it may see."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from threading import Lock

from django.conf import settings

from ris.catalog.models import Device, Site

from ..encoding.charsets import PLAIN, normalize_terms, parse_terms
from ..models import DeviceProfile

CACHED_S = 1.0
"""A change of a device's settings takes effect within this time."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The other side of an association. ``device_id`` is None for an AE title that no device has."""

    ae_title: str
    address: str
    device_id: int | None = None
    site_id: int | None = None
    time_zone: str = "UTC"
    addresses: tuple[str, ...] = ()
    require_tls: bool = False
    certificate: str = ""
    character_set: tuple[str, ...] = ()
    own_ae_only: bool = False
    all_sites: bool = False
    modality_map: dict[str, list[str]] = field(default_factory=dict, hash=False)
    hours_back: int = 72
    hours_ahead: int | None = None
    most_rows: int = 1000
    listed_states: tuple[str, ...] = ()
    left_out: frozenset[int] = frozenset()
    cut_long_values: bool = True

    def modalities(self, asked: tuple[str, ...]) -> tuple[str, ...]:
        """The modalities that the device means by those it asks for."""
        return tuple(
            dict.fromkeys(meant for modality in asked for meant in self.modality_map.get(modality, [modality]))
        )


@dataclass(frozen=True, slots=True)
class AssociateReject:
    """An association that is not accepted: A-ASSOCIATE-RJ result, source, reason (PS3.8 table 9-21), and in words."""

    result: int
    source: int
    reason: int
    words: str


CALLED_UNKNOWN = AssociateReject(1, 1, 7, "called AE title not ours")
CALLING_UNKNOWN = AssociateReject(1, 1, 3, "calling AE title unknown")
ADDRESS_UNKNOWN = AssociateReject(1, 1, 3, "address not allowed for this AE title")
NOT_ITS_CERTIFICATE = AssociateReject(1, 1, 3, "not the TLS certificate of this AE title")
NOT_ENCRYPTED = AssociateReject(1, 1, 1, "TLS required for this device")
TOO_MANY = AssociateReject(2, 3, 2, "too many associations")
UNABLE = AssociateReject(2, 2, 1, "not able to look the caller up")

_cache: dict[tuple[str, str], tuple[float, Caller]] = {}
_lock = Lock()


def admit(
    calling: str, called: str, address: str, *, own_title: str, encrypted: bool, certificate: str = ""
) -> Caller | AssociateReject:
    """Who calls, or why they may not. Reads the database (at most once a second for the same caller).

    A device is known by its AE title, or, with an empty one, by its address. What an unknown title sees is a setting,
    ``RIS_DICOM_UNKNOWN``: nothing, one site's list, or, in the demo, the first site's list for callers on this machine.
    ``certificate``: common name of the TLS certificate that the caller showed; a device that is bound to one must show
    it (PS3.15 B.9: node authentication says which machine calls, the AE title is only what it claims).
    """
    if called != own_title:
        return CALLED_UNKNOWN
    return _verdict(_known(calling, address), address, encrypted, certificate)


def admit_from_cache(
    calling: str, called: str, address: str, *, own_title: str, encrypted: bool, certificate: str = ""
) -> Caller | AssociateReject | None:
    """As :func:`admit`, from memory alone: None when this caller has to be looked up (again)."""
    if called != own_title:
        return CALLED_UNKNOWN
    cached = _cache.get((calling, address))
    if cached is None or time.monotonic() - cached[0] >= CACHED_S:
        return None
    return _verdict(cached[1], address, encrypted, certificate)


def _verdict(caller: Caller, address: str, encrypted: bool, certificate: str) -> Caller | AssociateReject:
    at = ip_address(address)
    if caller.device_id is None and not _serves_unknown(caller, local=at.is_loopback):
        return CALLING_UNKNOWN
    if caller.addresses and not any(at in ip_network(net, strict=False) for net in caller.addresses):
        return ADDRESS_UNKNOWN
    if caller.certificate and caller.certificate != certificate:
        return NOT_ITS_CERTIFICATE
    return NOT_ENCRYPTED if caller.require_tls and not encrypted else caller


def _serves_unknown(caller: Caller, *, local: bool) -> bool:
    """Behind a proxy every caller may seem to be on this machine, so where one is named that counts for nothing."""
    if settings.RIS.dicom_unknown == "*":
        return local and not settings.RIS.dicom_proxy
    return caller.site_id is not None


def _known(calling: str, address: str) -> Caller:
    now = time.monotonic()
    with _lock:
        cached = _cache.get((calling, address))
    if cached is not None and now - cached[0] < CACHED_S:
        return cached[1]
    caller = _look_up(calling, address)
    with _lock:
        if len(_cache) > 5000:  # many addresses at once: a scan, or an attack
            _cache.clear()
        _cache[calling, address] = (now, caller)
    return caller


def _look_up(calling: str, address: str) -> Caller:
    devices = Device.objects.filter(active=True).select_related("site", "dicom_profile")
    device = devices.filter(ae_title=calling).first() if calling else None
    if device is None and not calling:
        device = next(
            (d for d in devices.filter(dicom_profile__isnull=False) if address in d.dicom_profile.addresses), None
        )
    return _unknown_caller(calling, address) if device is None else caller_of_device(device, address)


def caller_of_device(device: Device, address: str = "") -> Caller:
    """The caller that a device is, with its profile or the defaults."""
    profile: DeviceProfile = getattr(device, "dicom_profile", None) or DeviceProfile(device=device)
    return Caller(
        ae_title=device.ae_title,
        address=address,
        device_id=device.pk,
        site_id=device.site_id,
        time_zone=device.site.time_zone,
        addresses=tuple(profile.addresses),
        require_tls=profile.require_tls,
        certificate=profile.certificate,
        character_set=_charset_of(profile),
        own_ae_only=profile.own_ae_only,
        all_sites=profile.all_sites,
        modality_map=profile.modality_map,
        hours_back=profile.hours_back,
        hours_ahead=profile.hours_ahead,
        most_rows=profile.most_rows,
        listed_states=tuple(profile.listed_states),
        left_out=frozenset(int(tag, 16) for tag in profile.left_out),
        cut_long_values=profile.cut_long_values,
    )


def _charset_of(profile: DeviceProfile) -> tuple[str, ...]:
    """A set that no form has checked, and that DICOM does not know, is as good as none: the smallest that fits."""
    try:
        return parse_terms(normalize_terms(profile.character_set))
    except ValueError:
        return PLAIN


def _unknown_caller(calling: str, address: str) -> Caller:
    code = settings.RIS.dicom_unknown
    sites = Site.objects.order_by("pk") if code == "*" else Site.objects.filter(code=code)
    site = sites.first()
    if site is None:
        return Caller(ae_title=calling, address=address)
    return Caller(ae_title=calling, address=address, site_id=site.pk, time_zone=site.time_zone)


def clear_cache() -> None:
    """Look every caller up anew."""
    with _lock:
        _cache.clear()
