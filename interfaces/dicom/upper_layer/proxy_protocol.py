"""The PROXY protocol (HAProxy, versions 1 and 2): the first bytes by which a TLS proxy names the real client."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
"""Version 2 begins so."""
MAX_TEXT_BYTES = 107
"""A header of version 1, its CR LF included."""
MAX_BINARY_BYTES = 16 + 1024
"""A header of version 2. Its extensions (TLS details) are not read; more than a kilobyte of them is no header."""
LOCAL, PROXY = 0x20, 0x21
"""Version and command: the proxy itself (health check), or for a client."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """``length`` bytes of header; ``address`` of the client, empty where the proxy speaks for itself."""

    length: int
    address: str


def is_proxy(address: str, proxies: tuple[str, ...]) -> bool:
    """Whether connections from ``address`` come through one of the proxies (addresses or networks)."""
    return bool(proxies) and any(ip_address(address) in ip_network(proxy, strict=False) for proxy in proxies)


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """Read the header at the beginning of ``data``; None while it is not whole. Raises ValueError for anything else."""
    if data.startswith(SIGNATURE[: len(data)]) and len(data) < 16:
        return None
    if data.startswith(SIGNATURE):
        return _parse_binary(data)
    end = data.find(b"\r\n", 0, MAX_TEXT_BYTES)
    if b"PROXY "[: len(data)] != data[:6]:
        raise ValueError("no PROXY header")
    if end < 0:
        if len(data) >= MAX_TEXT_BYTES:
            raise ValueError("a PROXY header without an end")
        return None
    return _parse_text(data[:end].decode("ascii", "replace"), end + 2)


def _parse_text(line: str, length: int) -> ProxyHeader:
    words = line.split(" ")
    if words[1:2] == ["UNKNOWN"]:
        return ProxyHeader(length, "")
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise ValueError("a PROXY header of no known kind")
    return ProxyHeader(length, str(ip_address(words[2])))


def _parse_binary(data: bytes) -> ProxyHeader | None:
    command, family = data[12], data[13] >> 4
    length = 16 + int.from_bytes(data[14:16], "big")
    if command not in (LOCAL, PROXY) or length > MAX_BINARY_BYTES:
        raise ValueError("a PROXY header of no known kind")
    if len(data) < length:
        return None
    size = {1: 4, 2: 16}.get(family, 0)  # AF_INET, AF_INET6; else no address is said
    if command == LOCAL or not size:
        return ProxyHeader(length, "")
    if length < 16 + size:
        raise ValueError("a PROXY header that is cut short")
    return ProxyHeader(length, str(ip_address(data[16 : 16 + size])))
