"""Escape sequences, both ways (HL7 v2.5.1 chapter 2.7)."""

from __future__ import annotations

import re

_FORMAT = {".br": "\n", ".sp": "\n", "H": "", "N": ""}
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NEWLINES = re.compile(r"\r\n?|\n")
_BLANK_LINES = re.compile(r"\.(?:sp|sk)(\d{1,2})")


class Escapes:
    """Reads the escape sequences of one message.

    ``delimiters`` are field, component, repetition, escape, sub-component; ``codec`` is what
    ``\\X..\\`` bytes are read in when they are not UTF-8.
    """

    def __init__(self, delimiters: str, codec: str) -> None:
        field, component, repetition, self.sign, sub = tuple(delimiters)
        self._plain = {"F": field, "S": component, "T": sub, "R": repetition, "E": self.sign} | _FORMAT
        self._codec = codec
        sign = re.escape(self.sign)
        self._pattern = re.compile(f"(?:{sign}X[0-9A-Fa-f]*{sign})+|{sign}([^{sign}]{{1,40}}){sign}")

    def read(self, text: str) -> str:
        """``text`` with its escapes resolved; unknown ones stay as they came. Control characters go."""
        if self.sign in text:
            text = self._pattern.sub(self._resolve, text)
        return _CONTROLS.sub("", _NEWLINES.sub("\n", text))

    def _resolve(self, found: re.Match[str]) -> str:
        name = found.group(1)
        if name is None:
            digits = re.sub(f"{re.escape(self.sign)}X?", "", found.group(0))
            return self._bytes(digits) if len(digits) % 2 == 0 else found.group(0)
        if name in self._plain:
            return self._plain[name]
        blank = _BLANK_LINES.fullmatch(name)
        if blank:
            return "\n" * int(blank.group(1))
        return "" if name.startswith(".") else found.group(0)

    def _bytes(self, digits: str) -> str:
        raw = bytes.fromhex(digits)
        for codec in ("utf-8", self._codec, "cp1252"):
            try:
                return raw.decode(codec)
            except UnicodeDecodeError:
                continue
        return raw.decode("latin-1")


_HARMLESS = re.compile(r"[\w .,:;/+-]*")
_WRITE = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\n": "\\.br\\"})


def escape(text: str) -> str:
    """``text`` so that it cannot leave its sub-component, whatever it holds. Lines are kept as ``\\.br\\``."""
    if _HARMLESS.fullmatch(text):
        return text
    return _CONTROLS.sub("", _NEWLINES.sub("\n", text)).translate(_WRITE)
