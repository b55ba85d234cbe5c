"""Character sets and escape sequences: bytes ↔ text (HL7 v2.5.1 chapters 2.7 and 2.15.9.18; table 0211)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ris.kernel.errors import Invalid

UTF8, CP1252 = "utf-8", "cp1252"

_LATIN = {f"8859/{n}": f"iso8859-{n}" for n in range(1, 10)} | {"8859/15": "iso8859-15"}
CODECS: dict[str, str] = {
    **_LATIN,
    "ASCII": "ascii",
    "UNICODE UTF-8": UTF8,
    "UNICODE": UTF8,
    "UNICODE UTF-16": "utf-16",
    "ISO IR14": "shift_jis",
    "ISO IR87": "iso2022_jp_2",
    "ISO IR159": "iso2022_jp_2",
    "KS X 1001": "euc_kr",
    "GB 18030-2000": "gb18030",
    "BIG-5": "big5",
    "WINDOWS-1252": CP1252,
    **{f"WINDOWS-{page}": f"cp{page}" for page in (874, 1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258)},
}
"""HL7 table 0211 → Python codec; and the code pages of Windows, which the table lacks and senders name."""

_ALIASES = {
    "UTF8": "UNICODE UTF-8",
    "UNICODEUTF8": "UNICODE UTF-8",
    "UNICODEUTF16": "UNICODE UTF-16",
    "USASCII": "ASCII",
    "ISOIR6": "ASCII",
    "ISOIR100": "8859/1",
    "ISOIR192": "UNICODE UTF-8",
    "ISOIR149": "KS X 1001",
    "GB18030": "GB 18030-2000",
    "BIG5": "BIG-5",
    "ANSI": "WINDOWS-1252",
    "LATIN1": "8859/1",
}
_ALIASES |= {name.replace("8859/", "ISO8859"): name for name in _LATIN}
_ALIASES |= {name.replace("WINDOWS-", "CP"): name for name in CODECS if name.startswith("WINDOWS-")}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded message: its text, the Python codec that was used, and sentences for a person."""

    text: str
    codec: str
    warnings: tuple[str, ...] = ()


def read_charset_labels(raw: bytes) -> tuple[str, ...]:
    """Return all repeats of MSH-18 as they were sent, read from bytes that are not decoded yet."""
    header = re.split(rb"[\r\n]", raw.lstrip(b"\xef\xbb\xbf \r\n"), maxsplit=1)[0].decode("latin-1")
    if len(header) < 8 or not header.startswith("MSH"):
        return ()
    fields = header.split(header[3])
    repeat = fields[1][1:2] or "~"
    return tuple(part.strip() for part in fields[17].split(repeat)) if len(fields) > 17 else ()


@lru_cache(maxsize=256)
def codec_named(label: str) -> str | None:
    """Return the Python codec of an MSH-18 value (aliases and odd spellings included); None when none is known."""
    bare = re.sub(r"[^A-Z0-9]", "", label.upper())
    by_bare = {re.sub(r"[^A-Z0-9]", "", name): codec for name, codec in CODECS.items()}
    if bare in by_bare:
        return by_bare[bare]
    alias = _ALIASES.get(bare)
    return CODECS[alias] if alias else None


def decode(raw: bytes, override: str = "") -> Decoded:
    """Decode ``raw``. ``override`` (of the peer) replaces MSH-18.

    No label: UTF-8 if it decodes, else cp1252, with a warning. A single-byte label on bytes that are
    valid multi-byte UTF-8: UTF-8, with a warning. Raises Invalid (at MSH-18) when the bytes are not in
    the character set that they claim; no character is ever replaced by ``?``.
    """
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _strictly(raw, "utf-16", ())
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    labels = (override,) if override else read_charset_labels(raw)
    named = [label for label in labels if label]
    if raw.isascii() and b"\x1b" not in raw:
        return Decoded(raw.decode("ascii"), (codec_named(named[0]) if named else None) or UTF8)
    if not named:
        return _guess(raw, "MSH-18 is empty")
    # Of several repeats one that switches by escape (ISO 2022) can read the others too.
    codec = next((c for c in map(codec_named, reversed(named)) if c and c.startswith("iso2022")), codec_named(named[0]))
    if codec is None:
        return _unknown_label(raw)
    if codec == "ascii":
        return _guess(raw, "MSH-18 says ASCII, but other characters follow")
    return _checked(raw, codec)


def _checked(raw: bytes, codec: str) -> Decoded:
    """Decode with the codec that MSH-18 names, unless the bytes contradict it."""
    # A text in a single-byte character set is practically never valid multi-byte UTF-8 by chance.
    single_byte = codec.startswith(("iso8859", "cp"))
    if single_byte and _decodes(raw, UTF8):
        return Decoded(raw.decode(UTF8), UTF8, ("MSH-18 names a single-byte character set; the text is UTF-8.",))
    # 8859-1 has only control characters at 0x80-0x9F; Windows-1252 has quotes and dashes there.
    if codec == "iso8859-1" and re.search(rb"[\x80-\x9f]", raw):
        return _strictly(raw, CP1252, ("MSH-18 says 8859/1; the text is Windows-1252.",))
    return _strictly(raw, codec, ())


def _guess(raw: bytes, why: str) -> Decoded:
    if _decodes(raw, UTF8):
        return Decoded(raw.decode(UTF8), UTF8, (f"{why}; read as UTF-8.",))
    return _strictly(raw, CP1252, (f"{why}; read as Windows-1252.",))


def _unknown_label(raw: bytes) -> Decoded:
    if _decodes(raw, UTF8):
        return Decoded(raw.decode(UTF8), UTF8, ("MSH-18 is not a known character set; read as UTF-8.",))
    raise Invalid("This character set is not known here, and the text is not UTF-8.", at="MSH-18", code="table-value")


def _strictly(raw: bytes, codec: str, warnings: tuple[str, ...]) -> Decoded:
    try:
        return Decoded(raw.decode(codec), codec, warnings)
    except UnicodeDecodeError as error:
        raise Invalid(
            f"Byte {error.start} of the message is not valid in its character set ({codec}).",
            at="MSH-18",
            code="table-value",
        ) from None


def _decodes(raw: bytes, codec: str) -> bool:
    try:
        raw.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


_FORMAT = {".br": "\n", ".sp": "\n", "H": "", "N": ""}
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NEWLINES = re.compile(r"\r\n?|\n")
_BLANK_LINES = re.compile(r"\.(?:sp|sk)(\d{1,2})")


class Escapes:
    """The escape sequences of one message (HL7 2.7).

    ``delimiters`` are field, component, repetition, escape, sub-component; ``codec`` reads the bytes of
    ``\\X..\\`` when they are not UTF-8.
    """

    def __init__(self, delimiters: str, codec: str) -> None:
        field, component, repetition, self.sign, sub = tuple(delimiters)
        self._plain = {"F": field, "S": component, "T": sub, "R": repetition, "E": self.sign} | _FORMAT
        self._codec = codec
        sign = re.escape(self.sign)
        self._pattern = re.compile(f"(?:{sign}X[0-9A-Fa-f]*{sign})+|{sign}([^{sign}]{{1,40}}){sign}")

    def resolve(self, text: str) -> str:
        """Return ``text`` with its escapes resolved, without control characters; unknown escapes stay as they came."""
        if self.sign in text:
            text = self._pattern.sub(self._replace, text)
        return _CONTROLS.sub("", _NEWLINES.sub("\n", text))

    def _replace(self, match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            digits = re.sub(f"{re.escape(self.sign)}X?", "", match.group(0))
            return self._bytes(digits) if len(digits) % 2 == 0 else match.group(0)
        if name in self._plain:
            return self._plain[name]
        blank = _BLANK_LINES.fullmatch(name)
        if blank:
            return "\n" * int(blank.group(1))
        return "" if name.startswith(".") else match.group(0)

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
    """Return ``text`` with every delimiter escaped; lines become ``\\.br\\``, control characters are dropped.

    Most values need no escape: one match against harmless characters decides, since this runs for every field written.
    """
    if _HARMLESS.fullmatch(text):
        return text
    return _CONTROLS.sub("", _NEWLINES.sub("\n", text)).translate(_WRITE)


def escape_each(*texts: str) -> list[str]:
    """Return each of the texts escaped."""
    return [escape(text) for text in texts]
