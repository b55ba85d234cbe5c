"""What a reader inserts into the draft that they write: a template, the normal report, a macro, a merge field.

The words go to whoever asked, who puts them into the text; the draft itself is saved as ever. What was inserted is
kept, with version and source, so that a later change of a template or of an order changes no draft, and can be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.errors import Invalid
from ris.people.models import User
from worklist.models import ReadingItem

from ..services.drafting import held
from .expansion import Expansion, expand, fill_merge
from .fields import filled
from .macros import bodies_for, count_use
from .merge import FIELDS, Merged, merged_of
from .models import Insertion
from .mrrt.reading import SECTIONS
from .templates import choices_for, newest_version, template_for


@dataclass(frozen=True, slots=True)
class Inserted:
    """Words by section, and where they are from (for the reader's eye)."""

    sections: dict[str, str]
    title: str
    reason: str = ""


@transaction.atomic
def insert_template(
    item_id: int, *, reader: User, template_id: int | None = None, normal: bool, actor: Actor, at: datetime
) -> Inserted:
    """A template's text (None: of the one that fits best). ``normal``: fields get their defaults.

    Raises Conflict (``not-held``) unless the reader holds the case; NotFound, also where no template fits.
    """
    item = held(item_id, reader)
    reason = ""
    if template_id is None:
        choices = choices_for(item, reader)
        if not choices:
            raise Invalid("No template fits this exam. Make one, or choose one by its name.", at="template")
        template, choice = choices[0]
        reason = choice.reason
    else:
        template = template_for(reader, template_id)
    version = newest_version(template)
    merged = merged_of(item)
    sections = {}
    kind = Insertion.NORMAL if normal else Insertion.TEMPLATE
    for name in SECTIONS:
        text = filled(getattr(version, name), normal=normal)
        if not text:
            continue
        sections[name], used = fill_merge(text, {field: value.text for field, value in merged.items()})
        _keep(item, reader, at, kind, template.title, name, sections[name], version=version)
        _keep_merged(item, reader, at, used, name, merged)
    record(actor, "report.insert", item, patient_id=item.procedure.order.patient_id, at=at, kind=kind,
           template=template.pk, version=version.number)  # fmt: skip
    return Inserted(sections, template.title, reason)


@transaction.atomic
def insert_macro(
    item_id: int, trigger: str, *, section: str, arguments: Mapping[str, str], reader: User, actor: Actor, at: datetime
) -> Inserted:
    """A macro, expanded. Raises Conflict (``not-held``); Invalid as ``expansion.expand``."""
    item = held(item_id, reader)
    _check_section(section)
    merged = merged_of(item)
    expansion: Expansion = expand(
        trigger, bodies_for(reader), arguments=arguments, merge={name: value.text for name, value in merged.items()}
    )
    versions = count_use(reader, expansion.macros, at)
    for name in expansion.macros:
        text = expansion.text if name == trigger else ""
        _keep(item, reader, at, Insertion.MACRO, name, section, text, macro_version=versions.get(name))
    _keep_merged(item, reader, at, expansion.merged, section, merged)
    record(actor, "report.insert", item, patient_id=item.procedure.order.patient_id, at=at, kind="macro", macro=trigger)
    return Inserted({section: expansion.text}, f".{trigger}")


@transaction.atomic
def insert_merge(item_id: int, name: str, *, section: str, reader: User, actor: Actor, at: datetime) -> Inserted:
    """A merge field's words, as they are now. Raises Conflict (``not-held``); Invalid for one that is not there, or
    about which nothing is known."""
    item = held(item_id, reader)
    _check_section(section)
    if name not in FIELDS:
        raise Invalid(f"Merge fields are {', '.join(FIELDS)}.", at="name")
    merged = merged_of(item)
    if not merged[name].text:
        raise Invalid(f"Nothing is known of it: {merged[name].source}.", at="name")
    _keep_merged(item, reader, at, (name,), section, merged)
    record(actor, "report.insert", item, patient_id=item.procedure.order.patient_id, at=at, kind="merge", field=name)
    return Inserted({section: merged[name].text}, FIELDS[name][0], merged[name].source)


def _check_section(section: str) -> None:
    if section not in SECTIONS:
        raise Invalid(f"Sections are {', '.join(SECTIONS)}.", at="section")


def _keep_merged(
    item: ReadingItem, reader: User, at: datetime, names: tuple[str, ...], section: str, merged: dict[str, Merged]
) -> None:
    for name in names:
        if merged[name].text:
            _keep(item, reader, at, Insertion.MERGE, name, section, merged[name].text, source=merged[name].source)


def _keep(
    item: ReadingItem, reader: User, at: datetime, kind: str, name: str, section: str, text: str, **more: Any
) -> Insertion:
    return Insertion.objects.create(
        item=item, kind=kind, name=name, section=section, text=text, reader=reader, at=at, **more
    )
