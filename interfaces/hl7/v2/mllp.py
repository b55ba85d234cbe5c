"""MLLP framing: ``0x0B`` message ``0x1C 0x0D`` (HL7 v2 Transport, MLLP release 1)."""

from __future__ import annotations

from typing import NamedTuple

START, END, CR = b"\x0b", b"\x1c", b"\r"
MOST_BYTES = 1_000_000
"""The longest message that is accepted, in bytes: some MB hold any order or report without its images."""

NOT_ENDED = "The message did not end with 0x1C 0x0D before the next one began."
TOO_LONG = "A message may have at most {most_bytes:,} bytes."
KEPT_OF_TOO_LONG = 4096
"""Bytes of a message that is too long that are kept: enough for MSH, so that it can be answered."""


class Frame(NamedTuple):
    """One message off the wire. ``fault`` says why it cannot be processed; empty when it can."""

    body: bytes
    fault: str = ""


class Deframer:
    """Cuts a stream into messages. Bytes outside of a frame are dropped; ``stray`` counts them.

    A frame ends at ``0x1C``; the ``0x0D`` after it may come later or be missing. A start byte inside a
    frame begins a new one; the unfinished one comes out with a fault. Of a message that is too long the
    beginning comes out with a fault and the rest is skipped, so that the connection goes on. Each byte
    is looked at once, in whatever portions it comes.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.stray = 0
        self._most = most_bytes
        self._frame: bytearray | None = None
        self._skipping = False

    @property
    def begun(self) -> bool:
        """Whether a message has begun and not ended yet."""
        return self._frame is not None

    @property
    def unfinished(self) -> bytes:
        """The bytes of a message that has not ended yet."""
        return bytes(self._frame or b"")

    def feed(self, data: bytes) -> list[Frame]:
        """Return the messages that ``data`` completes, in order."""
        frames: list[Frame] = []
        while data:
            if self._frame is None:
                data = self._seek_start(data)
                continue
            body, end, data = data.partition(END)
            # A start byte in a frame: the sender lost its connection in the middle and began again.
            *given_up, body = body.split(START)
            for part in given_up:
                self._grow(part, frames)
                self._close(frames, NOT_ENDED)
                self._frame = bytearray()
            self._grow(body, frames)
            if end:
                self._close(frames, "")
        return frames

    def _seek_start(self, data: bytes) -> bytes:
        before, start, after = data.partition(START)
        self.stray += len(before.strip(b"\r\n"))
        if start:
            self._frame = bytearray()
        return after

    def _grow(self, part: bytes, frames: list[Frame]) -> None:
        assert self._frame is not None
        if self._skipping:
            return
        self._frame += part
        if len(self._frame) > self._most:
            frames.append(Frame(bytes(self._frame[:KEPT_OF_TOO_LONG]), TOO_LONG.format(most_bytes=self._most)))
            self._skipping = True

    def _close(self, frames: list[Frame], fault: str) -> None:
        if self._frame and not self._skipping:
            frames.append(Frame(bytes(self._frame), fault))
        self._frame, self._skipping = None, False


def frame_message(message: bytes) -> bytes:
    """Return ``message`` between framing bytes; framing bytes inside of it are removed."""
    return START + message.replace(START, b"").replace(END, b"") + END + CR
