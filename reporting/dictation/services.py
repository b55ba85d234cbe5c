"""The hook: where the reader stands, what an engine should know, and its words until the room has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.orders.models import RequestedProcedure
from ris.people.models import User

from ..models import ReportVersion
from ..services.drafting import held
from ..writing.fields import fields_of
from ..writing.merge import Sources
from ..writing.mrrt.reading import SECTIONS
from ..writing.templates import choices_for, newest_version
from .models import DictationEvent, DictationFocus

MOST_CHARACTERS = 10_000
MOST_WAITING = 200
MOST_WORDS = 300
KEPT = timedelta(hours=1)
"""Words that no room fetched are deleted after that: they are a patient's."""


@dataclass(frozen=True, slots=True)
class EngineContext:
    """What makes recognition better. ``section``: where the reader stands. No name and no number of the patient."""

    section: str
    sections: tuple[str, ...]
    labels: tuple[str, ...]
    procedure: tuple[str, ...]
    vocabulary: tuple[str, ...]


@transaction.atomic
def focus(item_id: int, section: str, *, reader: User, at: datetime) -> None:
    """The reader stands in that section now. Raises Conflict (``not-held``), Invalid."""
    item = held(item_id, reader)
    _check_section(section)
    DictationFocus.objects.update_or_create(item=item, defaults={"reader": reader, "section": section, "at": at})
    DictationEvent.objects.filter(at__lt=at - KEPT).delete()


def engine_context(item_id: int, *, reader: User) -> EngineContext:
    """Where the reader stands, labels of the template that fits best, words of the exam and of earlier reports about
    the same region. Raises NotFound unless the reader holds the case: there is no dictation into it then."""
    try:
        item = held(item_id, reader)
    except Conflict:
        raise NotFound("You do not hold this case: there is no dictation into it.") from None
    row = DictationFocus.objects.filter(item=item, reader=reader).first()
    labels: list[str] = []
    for template, _ in choices_for(item, reader)[:1]:
        version = newest_version(template)
        labels = [field.name for section in SECTIONS for field in fields_of(getattr(version, section))]
    sources = Sources(item)
    names = {sources.patient.family_name.lower(), sources.patient.given_name.lower()}
    procedure = _words(f"{sources.procedure} {item.modality} {item.region}")
    same = RequestedProcedure.objects.filter(order__patient=sources.patient, procedure__body_region=item.region)
    earlier = ReportVersion.objects.filter(report__item__procedure__in=same).exclude(report__item=item)
    text = " ".join(f"{v.findings} {v.impression}" for v in earlier.order_by("-signed_at")[:3])
    vocabulary = [word for word in _words(text) if word.lower() not in names]
    return EngineContext(row.section if row else "findings", SECTIONS, tuple(dict.fromkeys(labels)), tuple(procedure),
                         tuple(vocabulary[:MOST_WORDS]))  # fmt: skip


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"[^\W\d_]{3,40}", text)))


@transaction.atomic
def take_event(item_id: int, kind: str, *, text: str, section: str = "", reader: User, at: datetime) -> DictationEvent:
    """Keep what an engine says for the room: ``partial`` or ``final`` words, or a command of COMMANDS as ``text``.

    A partial takes the place of the one before it. Raises Conflict (``not-held``, or ``no-room`` when nobody fetches
    what waits); Invalid at the field that is wrong.
    """
    item = held(item_id, reader)
    if kind not in (DictationEvent.PARTIAL, DictationEvent.FINAL, DictationEvent.COMMAND):
        raise Invalid("An event is partial, final or command.", at="kind")
    if kind == DictationEvent.COMMAND and text not in DictationEvent.COMMANDS:
        raise Invalid(f"Commands are {', '.join(DictationEvent.COMMANDS)}.", at="text")
    if len(text) > MOST_CHARACTERS or "\x00" in text:
        raise Invalid(f"More than {MOST_CHARACTERS} characters, or a NUL character.", at="text")
    if section:
        _check_section(section)
    waiting = DictationEvent.objects.filter(item=item, reader=reader)
    waiting.filter(kind=DictationEvent.PARTIAL).delete()
    if waiting.count() >= MOST_WAITING:
        raise Conflict("Nobody fetches the words: open the case in the room.", code="no-room")
    return DictationEvent.objects.create(item=item, reader=reader, kind=kind, text=text, section=section, at=at)


def waiting_events(item_id: int, reader_id: int, after: int) -> list[DictationEvent]:
    """What waits for the reader's room, in order, beyond the event ``after``."""
    return list(DictationEvent.objects.filter(item=item_id, reader=reader_id, pk__gt=after).order_by("pk")[:50])


def acknowledge(item_id: int, reader_id: int, upto: int) -> None:
    """The room has everything up to that event."""
    DictationEvent.objects.filter(item=item_id, reader=reader_id, pk__lte=upto).delete()


def _check_section(section: str) -> None:
    if section not in SECTIONS:
        raise Invalid(f"Sections are {', '.join(SECTIONS)}.", at="section")
