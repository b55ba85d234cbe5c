"""Who sends: known peers only, except that a demo takes any application that speaks from this machine."""

from __future__ import annotations

import ipaddress
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, NotFound, Refusal

from ..models import Peer
from ..translation.code_tables import check_attributes
from ..v2.header import Header
from .prepared_queries import PEER


class Unwelcome(Refusal):
    """This sender may not send (AR)."""

    code = "unwelcome"


def identify(header: Header, address: str, certificate: str | None) -> Peer:
    """The peer of MSH-3 and MSH-4. Raises :class:`Unwelcome` for an unknown, disabled or misplaced sender.

    ``certificate`` is the common name that the sender showed, which must be the peer's where it has one; None: the
    message is a person's, such as an edited one, whose sender was judged when it came.

    In a demo a sender that is not known yet, on this machine, gets a row of its own, flagged.
    """
    application, facility = (name[:199] for name in header.sender)
    peer = find_peer(application, facility)
    if peer is None:
        if not (settings.RIS.demo and is_loopback(address)):
            raise Unwelcome("This sending application is not known here; ask for it to be set up.", at="MSH-3")
        peer = _first_seen(application, facility)
    if not peer.enabled:
        raise Unwelcome("This sending application is switched off here.", at="MSH-3")
    if not _may_send_from(peer, address):
        raise Unwelcome("This sending application may not send from this address.", at="MSH-3")
    if certificate is not None and peer.certificate and peer.certificate != certificate:
        shown = f"“{certificate}”" if certificate else "none"
        cure = f"send with the certificate “{peer.certificate}”, or have it changed in this sender's settings"
        raise Unwelcome(
            f"This sending application must show its own TLS certificate; shown was {shown}: {cure}.", at="MSH-3"
        )
    return peer


def find_peer(application: str, facility: str) -> Peer | None:
    """Return the peer of MSH-3 and MSH-4, whether or not it may send; None for an unknown one."""
    return PEER.first(application[:199], facility[:199])


@transaction.atomic
def set_up(peer_id: int, changes: dict[str, Any], *, version: int, actor: Actor, at: datetime) -> Peer:
    """Change how a peer's messages are taken; the very next one is taken so.

    Raises NotFound; Conflict when somebody changed it since ``version``; Invalid for attributes that are none.
    """
    check_attributes(changes.get("attributes", {}))
    changed = Peer.objects.filter(pk=peer_id, version=version).update(version=version + 1, flagged=False, **changes)
    peer = Peer.objects.filter(pk=peer_id).first()
    if peer is None:
        raise NotFound("There is no such peer.")
    if not changed:
        raise Conflict("Somebody changed these settings meanwhile; look at them again.", at="version")
    record(actor, "hl7.set-up-peer", peer, at=at, fields=sorted(changes))
    return peer


def _first_seen(application: str, facility: str) -> Peer:
    # 58 characters, so that " (99)" still fits in the 64 of the column.
    base = ("@".join(filter(None, [application, facility])) or "unnamed")[:58]
    for number in ("", *(f" ({n})" for n in range(2, 100))):
        try:
            with transaction.atomic():
                return Peer.objects.create(
                    application=application, facility=facility, name=f"{base}{number}", flagged=True
                )
        except IntegrityError:
            raced = Peer.objects.filter(application=application, facility=facility).first()
            if raced is not None:
                return raced
    raise Unwelcome("Too many senders have this name; set this one up by hand.", at="MSH-3")


def is_loopback(address: str) -> bool:
    """Whether the address is this machine's own."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address == ""
    # A dual-stack socket shows 127.0.0.1 as ::ffff:127.0.0.1.
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback


def _may_send_from(peer: Peer, address: str) -> bool:
    if is_loopback(address):
        return True
    if not peer.addresses:
        return False
    ip = ipaddress.ip_address(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in ipaddress.ip_network(str(network), strict=False) for network in peer.addresses)
