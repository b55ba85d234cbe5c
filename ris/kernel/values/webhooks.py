"""Calls to addresses that people typed: whom we may call, and how the called one knows that it is us.

Policy: public addresses, and the networks of ``RIS_WEBHOOK_NETWORKS``; never a redirect. The name is resolved once and
the connection goes to the address that was judged, so a name that answers otherwise the second time gains nothing.
Signature: Standard Webhooks (``webhook-id``, ``webhook-timestamp``, ``webhook-signature: v1,…``): HMAC-SHA256 over
``id.timestamp.body`` with a secret for each address. A receiver refuses a timestamp older than five minutes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

import httpx


class AddressRefused(ValueError):
    """The policy does not let us call there. Its text names the host and the cure, and no path or token."""


def derive_secret(key: str, address: str) -> str:
    """The secret that signs calls to ``address``: made from the installation's key, so nothing is kept."""
    digest = hmac.new(key.encode(), f"webhook:{address}".encode(), hashlib.sha256).digest()
    return "whsec_" + base64.b64encode(digest).decode()


def sign(secret: str, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers by which a receiver knows the sender, the text and its age."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join([message_id.encode(), timestamp.encode(), body])
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def host_of(address: str) -> str:
    """Scheme and host: what may stand in logs, alarms and audit. A path or query may hold a token."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname or ''}"


def choose_ip(host: str, port: int, networks: Sequence[str]) -> str:
    """The IP address to call for a host. Raises AddressRefused unless the policy allows all that the name stands for.

    Raises OSError when the name is unknown.
    """
    ips = sorted({str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    allowed = [ipaddress.ip_network(network) for network in networks]
    for text in ips:
        ip = ipaddress.ip_address(text.partition("%")[0])
        ip = getattr(ip, "ipv4_mapped", None) or ip
        if not ip.is_global and not any(ip in network for network in allowed if network.version == ip.version):
            raise AddressRefused(f"{host} is {ip}, an internal address: name its network in RIS_WEBHOOK_NETWORKS")
    return ips[0]


def post_signed(
    address: str,
    body: bytes,
    *,
    message_id: str,
    key: str,
    networks: Sequence[str],
    at: datetime,
    timeout_s: float,
    more: Mapping[str, str] | None = None,
) -> None:
    """POST a JSON body, signed; ``more``: further headers, or another type of JSON.

    Raises AddressRefused, OSError, httpx.HTTPError for any answer but 2xx.
    """
    url = httpx.URL(address)
    port = url.port or (443 if url.scheme == "https" else 80)
    ip = choose_ip(url.host, port, networks)
    headers = {
        "Content-Type": "application/json",
        **(more or {}),
        **sign(derive_secret(key, address), message_id, at, body),
        "Host": url.netloc.decode("ascii"),
        "Idempotency-Key": message_id,
    }
    # trust_env: a proxy of the environment would connect to whatever it resolves, behind the policy's back
    with httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=False) as client:
        extensions = {"sni_hostname": url.host}  # the certificate must be the name's, not the address's
        client.post(url.copy_with(host=ip), content=body, headers=headers, extensions=extensions).raise_for_status()
