"""Catalogues: read and write of ``.po`` files (GNU gettext, "The Format of PO Files"), and ``.mo`` made of them.

Compiled catalogues lie in the data folder under the digest of what they were made of, so a changed ``.po`` counts from
the next start and nobody has to compile anything.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

PO = "*/LC_MESSAGES/django.po"
_FIELD = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)?\s*(".*")$')


@dataclass
class Entry:
    """One message: its context, its English (singular and plural), its translations, where it stands, its flags."""

    id: str = ""
    plural: str = ""
    context: str = ""
    texts: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str]:
        """What names it in its catalogue: context and English."""
        return self.context, self.id

    @property
    def is_translated(self) -> bool:
        """Whether every form has a translation that nobody doubts."""
        return bool(self.texts) and all(self.texts) and "fuzzy" not in self.flags


def read_po(path: Path) -> list[Entry]:
    """The entries of a catalogue, its header (the message with the empty id) first; obsolete ones are left out."""
    entries = []
    for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
        entry = _read_block(block.splitlines())
        if entry is not None:
            entries.append(entry)
    return entries


def _read_block(lines: list[str]) -> Entry | None:
    fields: dict[str, str] = {}
    entry, name = Entry(), ""
    for line in lines:
        if line.startswith("#:"):
            entry.places += line[2:].split()
        elif line.startswith("#,"):
            entry.flags += [flag.strip() for flag in line[2:].split(",")]
        elif match := _FIELD.match(line):
            name = match[1] or name
            fields[name] = fields.get(name, "") + ast.literal_eval(match[2])
    if "msgid" not in fields:
        return None
    entry.id, entry.plural = fields["msgid"], fields.get("msgid_plural", "")
    entry.context = fields.get("msgctxt", "")
    entry.texts = [text for name, text in fields.items() if name.startswith("msgstr")]
    return entry


def write_po(path: Path, header: str, entries: Iterable[Entry]) -> None:
    """Write a catalogue: its header, then the entries by place and English."""
    blocks = [_block(Entry("", texts=[header]))]
    blocks += [_block(entry) for entry in sorted(entries, key=lambda one: (one.places[:1], one.id, one.context))]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(blocks), encoding="utf-8")


def _block(entry: Entry) -> str:
    lines = [f"#: {place}" for place in entry.places[:3]]
    lines += [f"#, {', '.join(entry.flags)}"] if entry.flags else []
    lines += [f"msgctxt {_quote(entry.context)}"] if entry.context else []
    lines.append(f"msgid {_quote(entry.id)}")
    if entry.plural:
        lines.append(f"msgid_plural {_quote(entry.plural)}")
        lines += [f"msgstr[{number}] {_quote(text)}" for number, text in enumerate(entry.texts or ["", ""])]
    else:
        lines.append(f"msgstr {_quote(entry.texts[0] if entry.texts else '')}")
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def languages_in(folder: Path) -> list[str]:
    """The languages that have a catalogue in ``folder``, besides English, which needs none."""
    return sorted(path.parts[-3] for path in folder.glob(PO))


def compiled(folder: Path, target: Path) -> Path:
    """The folder under ``target`` with the ``.mo`` of every catalogue in ``folder``; made if it is not there."""
    sources = sorted(folder.glob(PO))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    made = target / digest
    for source in sources:
        goal = made / source.relative_to(folder).with_suffix(".mo")
        if not goal.exists():
            goal.parent.mkdir(parents=True, exist_ok=True)
            draft = goal.with_suffix(f".{os.getpid()}")  # other processes start at the same time
            draft.write_bytes(_mo(read_po(source)))
            draft.replace(goal)
    return made


def _mo(entries: list[Entry]) -> bytes:
    """A catalogue for Python's ``gettext`` (GNU MO, no hash table); what is not translated is left out."""
    pairs = {}
    for entry in entries:
        if entry.id and not entry.is_translated:
            continue
        key = f"{entry.context}\x04{entry.id}" if entry.context else entry.id
        pairs[f"{key}\0{entry.plural}" if entry.plural else key] = "\0".join(entry.texts)
    rows = [(key.encode(), pairs[key].encode()) for key in sorted(pairs)]
    start = 28 + 16 * len(rows)
    keys, values, text = b"", b"", b""
    for position in (0, 1):
        table = b""
        for row in rows:
            table += struct.pack("<II", len(row[position]), start + len(text))
            text += row[position] + b"\0"
        keys, values = (table, values) if position == 0 else (keys, table)
    return struct.pack("<7I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, start) + keys + values + text
