"""The draft: what is being written, and who may write it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import services as worklist
from worklist.models import ReadingItem
from worklist.states import CLAIMED

from .. import states
from ..checks import SECTIONS
from ..critical.services import follow_mark
from ..models import CRITICAL_LEVELS, Report
from .firings import fired_lately, settle_edited

MOST_CHARACTERS = 200_000
CRITICAL = ("critical_level", "critical_finding")
"""Written with the sections: how soon somebody must be told, and of what."""
MOST_OF_A_FINDING = 500


@transaction.atomic
def save_draft(
    item_id: int, *, reader: User, revision: int, sections: Mapping[str, str], actor: Actor, at: datetime
) -> Report:
    """Keep what the reader has written so far; the claim's lease lives on.

    ``sections``: the sections' texts, and ``critical_level`` and ``critical_finding``. Those not named stay as
    they are. ``revision`` is the one that was read (0: none yet). Of two who save upon the same revision one
    wins and the other gets Conflict (``stale-draft``) with nothing overwritten. Raises Conflict (``not-held``)
    unless the reader holds the case, Invalid for a section, level or text that cannot be.
    """
    check_texts(sections)
    item = held(item_id, reader)
    if not worklist.extend_lease(item_id, reader=reader, at=at):
        raise not_held()
    if revision == 0 and not Report.objects.filter(item=item).exists():
        return _begin(item, reader, sections, actor, at)
    before = _text_before(item, revision, sections, at)
    mine = Report.objects.filter(item=item, revision=revision, item__reader=reader, item__state=CLAIMED)
    # Holder, revision and state are conditions of the UPDATE itself: nothing changes between a check and the write.
    open_ = mine.filter(state__in=states.WRITABLE, common_with=None)
    if not open_.update(author=reader, revision=F("revision") + 1, saved_at=at, **sections, **found_at(sections, at)):
        raise _covered() if mine.exclude(common_with=None).exists() else stale()
    report = Report.objects.get(item=item)
    if before:
        settle_edited(report, before, {name: sections[name] for name in before}, at=at)
    if "critical_level" in sections or "critical_finding" in sections:
        follow_mark(report, by=reader, at=at)
    return report


def _text_before(item: ReadingItem, revision: int, sections: Mapping[str, str], at: datetime) -> dict[str, str]:
    """What the sections said before this save if a check spoke of the report lately; else nothing is read."""
    report = getattr(item, "report", None)
    if report is None or report.revision != revision or not fired_lately(report, at):
        return {}
    kept = Report.objects.filter(pk=report.pk).values(*SECTIONS).get()
    return {name: kept[name] for name in SECTIONS if name in sections}


def _begin(item: ReadingItem, reader: User, sections: Mapping[str, str], actor: Actor, at: datetime) -> Report:
    try:
        with transaction.atomic():
            report = Report.objects.create(
                item=item,
                procedure=item.procedure,
                author=reader,
                state=states.DRAFT,
                revision=1,
                saved_at=at,
                critical_at=at if sections.get("critical_level") else None,
                **sections,
            )
    # A case has one report (a unique constraint): another save was first.
    except IntegrityError:
        raise stale() from None
    record(actor, "report.draft", report, patient_id=item.procedure.order.patient_id, at=at)
    if report.critical_level:
        follow_mark(report, by=reader, at=at)
    return report


def found_at(sections: Mapping[str, str], at: datetime) -> dict[str, Any]:
    """What an UPDATE has to say of the moment of the critical finding: the first mark counts, until it is taken off."""
    if "critical_level" not in sections:
        return {}
    return {"critical_at": Coalesce(F("critical_at"), Value(at)) if sections["critical_level"] else None}


def check_texts(sections: Mapping[str, str]) -> None:
    """Raise Invalid for what no report can hold."""
    for name, text in sections.items():
        if name not in SECTIONS + CRITICAL:
            raise Invalid(f"A report has no section “{name}”.", at=name)
        most = MOST_OF_A_FINDING if name == "critical_finding" else MOST_CHARACTERS
        if len(text) > most:
            raise Invalid(f"More than {most} characters.", at=name)
        if "\x00" in text:
            raise Invalid("The text holds a NUL character.", at=name)
    if sections.get("critical_level", "") not in ("", *(level for level, _ in CRITICAL_LEVELS)):
        raise Invalid("A critical finding is red, orange or yellow.", at="critical_level")


def held(item_id: int, reader: User) -> ReadingItem:
    """The reading item, if the reader holds it. Raises NotFound, Forbidden, Conflict."""
    rows = ReadingItem.objects.select_related("procedure__order", "report")
    item = rows.defer(*(f"report__{name}" for name in SECTIONS)).filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    require(reader, Can.READ_CASES, item.site_id)
    if item.state != CLAIMED or item.reader_id != reader.pk:
        raise not_held()
    return item


def not_held() -> Conflict:
    """The refusal of a caller who does not hold the case."""
    return Conflict("You do not hold this case (any more). What you wrote last was kept.", code="not-held")


def _covered() -> Conflict:
    return Conflict("The text of another exam covers this one: write there, or split it off.", code="covered")


def stale() -> Conflict:
    """The refusal of a draft that is based on an older revision."""
    return Conflict("This draft was changed elsewhere; read it again before you go on.", code="stale-draft")
