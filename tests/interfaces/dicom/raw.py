"""A scanner made of bytes: says exactly what a test wants said, and adds no time of its own."""

from __future__ import annotations

import socket
import struct
from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from tests.interfaces.dicom.scu import query

MWL = "1.2.840.10008.5.1.4.31"
TRANSFERS = ("1.2.840.10008.1.2",)


def identifier(**step_keys: Any) -> bytes:
    """An encoded worklist query, Implicit VR."""
    encoded = encode(query(**{f"step__{name}": value for name, value in step_keys.items()}), True, True)
    assert encoded is not None
    return encoded


def _item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(body)) + body


class RawScanner:
    """One association for the worklist."""

    def __init__(
        self,
        port: int,
        calling: str = "CT1",
        called: str = "RIS",
        transfers: tuple[str, ...] = TRANSFERS,
        longest: int = 16384,
        sop_class: str = MWL,
    ) -> None:
        self.sop_class = sop_class
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.message_id = 0
        self.longest_seen = 0
        syntaxes = b"".join(_item(0x40, uid.encode()) for uid in transfers)
        context = _item(0x20, bytes((1, 0, 0, 0)) + _item(0x30, sop_class.encode()) + syntaxes)
        user = _item(0x50, _item(0x51, struct.pack(">L", longest)))
        titles = called.ljust(16).encode() + calling.ljust(16).encode()
        body = b"\0\1\0\0" + titles + bytes(32) + _item(0x10, b"1.2.840.10008.3.1.1.1") + context + user
        self.request = struct.pack(">BBL", 1, 0, len(body)) + body
        self.sock.sendall(self.request)
        self.kind, self.accepted = self.unit()

    def unit(self) -> tuple[int, bytes]:
        while len(self.buffer) < 6 or len(self.buffer) < 6 + int.from_bytes(self.buffer[2:6], "big"):
            data = self.sock.recv(262_144)
            if not data:
                raise ConnectionError("hung up")
            self.buffer += data
        length = int.from_bytes(self.buffer[2:6], "big")
        kind, body, self.buffer = self.buffer[0], self.buffer[6 : 6 + length], self.buffer[6 + length :]
        self.longest_seen = max(self.longest_seen, length if kind == 4 else 0)
        return kind, body

    def find_message(self, encoded: bytes, piece: int = 16000) -> bytes:
        self.message_id += 1
        command = self._command(0x0020, self.message_id, dataset=True)
        return self._values(command, 1, piece) + self._values(encoded, 0, piece)

    def _command(self, kind: int, message_id: int, *, dataset: bool) -> bytes:
        uid = self.sop_class.encode() + b"\0" * (len(self.sop_class) % 2)
        tag = 0x0120 if kind == 0x0FFF else 0x0110
        parts = [(0x0002, uid), (0x0100, struct.pack("<H", kind)), (tag, struct.pack("<H", message_id))]
        parts += [(0x0700, b"\0\0"), (0x0800, b"\x01\x00" if dataset else b"\x01\x01")]
        body = b"".join(struct.pack("<HHL", 0, element, len(value)) + value for element, value in parts)
        return struct.pack("<HHLL", 0, 0, 4, len(body)) + body

    def _values(self, data: bytes, command: int, piece: int) -> bytes:
        out = b""
        for at in range(0, len(data), piece):
            part = data[at : at + piece]
            control = command | (2 if at + piece >= len(data) else 0)
            out += struct.pack(">BBLLBB", 4, 0, len(part) + 6, len(part) + 2, 1, control) + part
        return out

    def send_find(self, encoded: bytes, *, and_cancel: bool = False) -> None:
        message = self.find_message(encoded)
        if and_cancel:
            message += self._values(self._command(0x0FFF, self.message_id, dataset=False), 1, 16000)
        self.sock.sendall(message)

    def answers(self) -> list[tuple[int, bytes | None]]:
        """Until the final one: status, and the encoded Identifier of a pending one."""
        found: list[tuple[int, bytes | None]] = []
        command, data = b"", b""
        while True:
            kind, body = self.unit()
            assert kind == 4, f"unit {kind}"
            at = 0
            while at < len(body):
                length, _, control = struct.unpack_from(">LBB", body, at)
                part = body[at + 6 : at + 4 + length]
                at += 4 + length
                if control & 1:
                    command += part
                else:
                    data += part
                if not control & 2:
                    continue
                status = int.from_bytes(command[command.index(b"\0\0\0\x09\2\0\0\0") + 8 :][:2], "little")
                if control & 1 and status in (0xFF00, 0xFF01):
                    continue  # its dataset follows
                found.append((status, data or None))
                command, data = b"", b""
                if status not in (0xFF00, 0xFF01):
                    return found

    def find(self, encoded: bytes) -> list[tuple[int, bytes | None]]:
        self.send_find(encoded)
        return self.answers()

    def datasets(self, encoded: bytes) -> list[Dataset]:
        return [decode(BytesIO(data), True, True) for _, data in self.find(encoded) if data]

    def abort(self) -> None:
        self.sock.sendall(struct.pack(">BBLBBBB", 7, 0, 4, 0, 0, 0, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.sendall(struct.pack(">BBLL", 5, 0, 4, 0))
        try:
            self.sock.recv(64)
        finally:
            self.sock.close()
