"""What a version of a report says, and who stands for it, in plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reporting.models import ReportVersion
from reporting.rendering.content import holding, parts_of
from ris.people.models import User


@dataclass(frozen=True, slots=True)
class Signature:
    """A person's signature under a version."""

    by: User
    at: datetime


@dataclass(frozen=True, slots=True)
class ReportContent:
    """``sections``: (name, text) in reading order, addenda last; ``authors``: each once, the first writer first."""

    sections: tuple[tuple[str, str], ...]
    authors: tuple[User, ...]
    signatures: tuple[Signature, ...]
    final: bool


def build_content(version: ReportVersion) -> ReportContent:
    """All that holds with this version. Of a preliminary nobody has signed anything."""
    holds, final = holding(version), version.kind != ReportVersion.PRELIMINARY
    authors = [author for one in holds for author in (one.first_author, one.author) if author]
    return ReportContent(
        sections=tuple((part.section, part.text) for part in parts_of(version)),
        authors=tuple(dict.fromkeys(authors)),
        signatures=tuple(Signature(one.author, one.signed_at) for one in holds) if final else (),
        final=final,
    )
