"""Cover texts: which stands above a report, what was saved, saving another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction

from reporting.models import ReportVersion
from reporting.rendering.content import critical_of
from ris.audit.services import Actor, record
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict, Invalid
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require

from ..models import CoverText
from ..words import LANGUAGES, first_covers

MOST_CHARACTERS = 2000


def cover_of(version: ReportVersion, language: str) -> str:
    """The words above a report, as of a version; a red or orange finding has its own."""
    critical = critical_of(version)
    urgent = critical is not None and critical.critical_level in ("red", "orange")
    return newest_cover("critical" if urgent else version.kind, language)[1]


def newest_cover(kind: str, language: str) -> tuple[int, str]:
    """Number and text in force; number 0: the one that the system begins with."""
    row = CoverText.objects.filter(kind=kind, language=language).first()
    return (row.number, row.text) if row else (0, first_covers()[language].get(kind, ""))


def all_covers() -> Iterator[tuple[str, str, str, int, str]]:
    """Kind, its name, language, number and text of each that is in force."""
    for kind, label in CoverText.KINDS:
        for language in LANGUAGES:
            yield kind, label, language, *newest_cover(kind, language)


@transaction.atomic
def save_cover(
    kind: str, language: str, text: str, *, upon: int, editor: User, actor: Actor, at: datetime
) -> CoverText:
    """Put another text into force; earlier ones stay as versions. Audited as ``portal.cover``.

    Raises Forbidden, Invalid, and Conflict when somebody saved since ``upon``.
    """
    require(editor, Can.LEAD_READING)
    if kind not in dict(CoverText.KINDS) or language not in LANGUAGES:
        raise Invalid("There is no such cover text.", at="kind")
    text = text.replace("\r\n", "\n").strip()
    if not text or len(text) > MOST_CHARACTERS:
        raise Invalid(f"A cover text has 1 to {MOST_CHARACTERS} characters.", at="text")
    lock_name(f"cover:{kind}:{language}")
    number, _ = newest_cover(kind, language)
    if number != upon:
        raise Conflict("Somebody saved another text meanwhile. Draw the page again.", code="stale-cover")
    row = CoverText.objects.create(
        kind=kind, language=language, number=number + 1, text=text, made_by=editor, made_at=at
    )
    record(actor, "portal.cover", row, at=at, kind=kind, language=language, number=row.number)
    return row
