"""What the room is told about writing: templates that fit and why, macros, merge fields, and what became stale."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.conf import settings

from ris.people.models import User
from worklist.models import ReadingItem

from ..models import Report
from ..values.services import offered_findings
from .macros import visible_macros
from .merge import FIELDS, merged_of, stale_fields
from .mrrt.reading import SECTIONS
from .templates import choices_for

MOST_TEMPLATES = 30


def writing_help(item: ReadingItem, reader: User) -> dict[str, Any]:
    """``templates`` (best first, with reason), ``macros``, ``merge`` (words as they are now), ``stale``, ``ai``
    (findings of algorithms), ``dictation`` (path of the hook's websocket; empty where it is off)."""
    report = Report.objects.filter(item=item).first()
    sections = {name: getattr(report, name) for name in SECTIONS} if report else {}
    merged = merged_of(item)
    return {
        "templates": [
            {"id": template.pk, "title": template.title, "reason": choice.reason}
            for template, choice in choices_for(item, reader)[:MOST_TEMPLATES]
        ],
        "macros": [
            {"trigger": macro.trigger, "body": macro.body, "own": macro.owner_id is not None}
            for macro in visible_macros(reader)
        ],
        "merge": [
            {"name": name, "title": FIELDS[name][0], "text": value.text, "source": value.source}
            for name, value in merged.items()
        ],
        "ai": [asdict(offer) for offer in offered_findings(item)],
        "dictation": f"/ws/dictation/{item.pk}/" if settings.RIS.dictation else "",
        "stale": [
            {"name": name, "title": FIELDS[name][0], "section": section, "was": was, "now": now}
            for name, section, was, now in stale_fields(item, sections)
        ],
    }
