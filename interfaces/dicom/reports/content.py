"""What a version of a report says, and who stands for it, in plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reporting.models import ReportVersion
from reporting.rendering.content import holding, parts_of
from ris.people.models import User


@dataclass(frozen=True, slots=True)
class Signed:
    """A person's signature under a version."""

    by: User
    at: datetime


@dataclass(frozen=True, slots=True)
class Words:
    """``sections``: (name, text) in reading order, addenda last; ``authors``: each once, the first writer first."""

    sections: tuple[tuple[str, str], ...]
    authors: tuple[User, ...]
    signatures: tuple[Signed, ...]
    final: bool


def words_of(version: ReportVersion) -> Words:
    """All that holds with this version. Of a preliminary nobody has signed anything."""
    holds, final = holding(version), version.kind != ReportVersion.PRELIMINARY
    authors = [author for one in holds for author in (one.first_author, one.author) if author]
    return Words(
        sections=tuple((part.section, part.text) for part in parts_of(version)),
        authors=tuple(dict.fromkeys(authors)),
        signatures=tuple(Signed(one.author, one.signed_at) for one in holds) if final else (),
        final=final,
    )
