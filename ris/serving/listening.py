"""Ports: taken before anything starts, or refused by the name of their setting."""

from __future__ import annotations

import errno
import socket

from ris.config_values import Address, Misconfigured


def listen(variable: str, where: Address) -> socket.socket:
    """A listening socket at ``where``. Raises Misconfigured, which names ``variable`` and the cure."""
    try:
        family, kind, protocol, _, name = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        cure = f"set {variable} to an address of this machine, such as 127.0.0.1:{where.port}"
        raise Misconfigured(variable, f"{where.host} is no known address.", cure) from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(name)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise _refusal(variable, where, error) from None
    listener.setblocking(False)
    return listener


def make_sure_of(variable: str, where: Address) -> None:
    """Refuse now what a listener that binds by itself would stumble over later."""
    listen(variable, where).close()


def _refusal(variable: str, where: Address, error: OSError) -> Misconfigured:
    other = f"{variable}={where.host}:{where.port + 1 if where.port < 65535 else 0}"
    if error.errno == errno.EADDRINUSE:
        return Misconfigured(variable, f"{where} is taken by another program.", f"stop it, or choose {other}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Misconfigured(variable, f"this user may not listen on {where}.", "choose a port above 1023")
    return Misconfigured(variable, f"cannot listen on {where} ({error.strerror}).", f"choose another: {other}")
