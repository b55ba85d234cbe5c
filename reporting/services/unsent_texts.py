"""Texts of boxes that were not sent yet: saved while they are typed, and closed when they are signed or put aside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.kernel import doorbell
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from ris.kernel.events import emit
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require
from worklist.events import WORKLIST_BELL, ItemRevised
from worklist.models import ReadingItem

from ..models import TextDraft
from .drafting import MOST_CHARACTERS

MOST_FIELDS = 60
_NAME = re.compile(r"[A-Za-z_][\w :.-]{0,79}")


@transaction.atomic
def save_text(
    item_id: int,
    kind: str,
    *,
    author: User,
    version: int,
    fields: Mapping[str, str],
    base_revision: int = 0,
    actor: Actor,
    at: datetime,
) -> TextDraft:
    """Keep what a person has typed into a box about a case; it is theirs, and comes back to them alone.

    Kind ``report``: words that found their case or draft in other hands; each save is a text of its own, which the
    case's holder sees too, and the same words again change nothing. Other kinds: ``version`` is the one that was read
    (0: none yet); of two windows that save upon the same version one wins and the other gets Conflict
    (``stale-draft``). Raises NotFound, Forbidden, Invalid for a kind, name or text that cannot be.
    """
    _check(kind, fields)
    item = _readable(item_id, author)
    open_ = TextDraft.objects.filter(item=item, author=author, kind=kind, closed_at=None)
    if kind == TextDraft.REPORT:
        same = next((row for row in open_ if row.fields == dict(fields)), None)
        return same or _begin(item, author, kind, fields, base_revision, actor, at)
    if version == 0 and not open_.exists():
        return _begin(item, author, kind, fields, base_revision, actor, at)
    mine = open_.filter(version=version)
    if not mine.update(fields=dict(fields), base_revision=base_revision, version=F("version") + 1, saved_at=at):
        raise _stale()
    return open_.get()


def _begin(
    item: ReadingItem,
    author: User,
    kind: str,
    fields: Mapping[str, str],
    base_revision: int,
    actor: Actor,
    at: datetime,
) -> TextDraft:
    try:
        with transaction.atomic():
            draft = TextDraft.objects.create(
                item=item, author=author, kind=kind, fields=dict(fields), base_revision=base_revision, saved_at=at
            )
    # One open text of a kind (a unique constraint): another window was first.
    except IntegrityError:
        raise _stale() from None
    record(actor, f"text.begin-{kind}", draft, patient_id=item.procedure.order.patient_id, at=at)
    if kind == TextDraft.REPORT:
        # Who holds the case now is shown it at once.
        emit(ItemRevised(stream=item.accession, at=at, item_id=item.pk))
        doorbell.ring(WORKLIST_BELL)
    return draft


def _check(kind: str, fields: Mapping[str, str]) -> None:
    if kind not in TextDraft.KINDS:
        raise Invalid(f"A text is one of: {', '.join(TextDraft.KINDS)}.", at="kind")
    if len(fields) > MOST_FIELDS:
        raise Invalid(f"More than {MOST_FIELDS} fields.", at="fields")
    for name, text in fields.items():
        if not _NAME.fullmatch(name):
            raise Invalid("A field's name is letters, digits and -_.: only, at most 80.", at="fields")
        if len(text) > MOST_CHARACTERS:
            raise Invalid(f"More than {MOST_CHARACTERS} characters.", at=name)
        if "\x00" in text:
            raise Invalid("The text holds a NUL character.", at=name)


def _readable(item_id: int, reader: User) -> ReadingItem:
    item = ReadingItem.objects.select_related("procedure__order").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    require(reader, Can.READ_CASES, item.site_id)
    return item


def _stale() -> Conflict:
    return Conflict("This text was changed in another window; compare both and choose.", code="stale-draft")


@transaction.atomic
def put_text_aside(text_id: int, *, reader: User, actor: Actor, at: datetime) -> TextDraft:
    """Close a text, which stays as a row: one's own, or one that lies with a case that the reader holds.

    Raises NotFound, Forbidden; Conflict when it is closed already.
    """
    draft = TextDraft.objects.select_related("item__procedure__order").filter(pk=text_id).first()
    if draft is None:
        raise NotFound("There is no such text.")
    require(reader, Can.READ_CASES, draft.item.site_id)
    holds = draft.kind == TextDraft.REPORT and draft.item.reader_id == reader.pk
    if draft.author_id != reader.pk and not holds:
        raise Forbidden("A text is put aside by its author, or by who holds its case.", code="not-author")
    if not TextDraft.objects.filter(pk=text_id, closed_at=None).update(closed_at=at):
        raise Conflict("This text was put aside already.")
    record(actor, "text.put-aside", draft, patient_id=draft.item.procedure.order.patient_id, at=at)
    draft.refresh_from_db()
    return draft


def close_texts(item_id: int, *, author: User, kind: str, at: datetime) -> None:
    """Close the author's open texts of a kind, in the transaction that signs or sends them."""
    TextDraft.objects.filter(item=item_id, author=author, kind=kind, closed_at=None).update(closed_at=at)
