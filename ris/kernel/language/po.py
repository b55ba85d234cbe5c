"""Catalogues: ``.po`` files (GNU gettext) and the ``.mo`` made of them, by Babel.

Compiled catalogues lie in the data folder under the digest of what they were made of, so a changed ``.po`` counts from
the next start and nobody has to compile anything.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po as read_catalog
from babel.messages.pofile import write_po as write_catalog

PO = "*/LC_MESSAGES/django.po"
HEADER = (
    'msgid ""\nmsgstr ""\n"Project-Id-Version: Wetread\\n"\n"Language: {language}\\n"\n"MIME-Version: 1.0\\n"\n'
    '"Content-Type: text/plain; charset=utf-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n'
    '"Plural-Forms: {plural_forms}\\n"\n\n'
)
MOST_PLACES = 3
"""Of a message, that its catalogue names."""


@dataclass
class Entry:
    """One message: its context, its English (singular and plural), its translations, where it stands, its flags."""

    id: str = ""
    plural: str = ""
    context: str = ""
    texts: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, message: Message) -> Self:
        """What Babel has read."""
        ids, forms = message.id, message.string
        singular, plural = (ids, "") if isinstance(ids, str) else (ids[0], ids[1])
        texts = [forms or ""] if isinstance(forms, str) or forms is None else list(forms)
        places = [place for place, _ in message.locations]
        return cls(singular, plural, message.context or "", texts, places, sorted(message.flags))

    @property
    def key(self) -> tuple[str, str]:
        """What names it in its catalogue: context and English."""
        return self.context, self.id

    @property
    def is_translated(self) -> bool:
        """Whether every form has a translation that nobody doubts."""
        return bool(self.texts) and all(self.texts) and "fuzzy" not in self.flags


def read_po(path: Path) -> list[Entry]:
    """The entries of a catalogue; obsolete ones are left out."""
    return [Entry.of(message) for message in _read(path) if message.id]


def write_po(path: Path, entries: Iterable[Entry]) -> None:
    """Write the catalogue of a language, by place and English, with the plural forms of that language."""
    catalog = Catalog(path.parts[-3])
    for entry in sorted(entries, key=lambda one: (one.places[:1], one.id, one.context)):
        forms = entry.texts or [""] * catalog.num_plurals
        catalog.add(
            (entry.id, entry.plural) if entry.plural else entry.id,
            tuple(forms) if entry.plural else forms[0],
            locations=[(place, None) for place in entry.places[:MOST_PLACES]],  # type: ignore[misc]  # no line is none
            flags=entry.flags,
            context=entry.context or None,
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        # Babel's own header has the time of writing in it, so every run would change the file.
        out.write(HEADER.format(language=path.parts[-3], plural_forms=catalog.plural_forms).encode())
        write_catalog(out, catalog, width=0, omit_header=True)


def _read(path: Path) -> Catalog:
    with path.open("rb") as lines:
        return read_catalog(lines, locale=path.parts[-3], ignore_obsolete=True, abort_invalid=True)


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
            with draft.open("wb") as out:
                write_mo(out, _read(source))
            draft.replace(goal)
    return made
