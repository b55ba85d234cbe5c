"""Templates: saved in versions, imported from MRRT, chosen for a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet

from ris.audit.services import Actor, record
from ris.catalog.models import Procedure, Site
from ris.kernel.errors import Forbidden, Invalid, NotFound
from ris.kernel.values import new_uid
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, site_ids_for
from worklist.models import ReadingItem

from .choice import Choice, Exam, contrast_of, rank_templates
from .fields import check_fields, fields_of
from .merge import Sources
from .models import Insertion, ReportTemplate, TemplateVersion
from .mrrt.reading import SECTIONS, read_mrrt
from .mrrt.writing import write_mrrt

CONDITIONS = ("procedure", "modality", "region", "contrast", "site", "sex", "age_from", "age_to")
MOST_CHARACTERS = 50_000


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: its template, or the line and reason of a refusal."""

    name: str
    template: ReportTemplate | None
    repairs: tuple[tuple[int, str], ...] = ()
    refusal: str = ""


def visible_templates(viewer: User) -> QuerySet[ReportTemplate]:
    """Everybody's templates of the viewer's sites, and the viewer's own."""
    sites = site_ids_for(viewer, Can.READ_CASES) | site_ids_for(viewer, Can.LEAD_READING)
    shared = Q(owner=None) & (Q(site=None) | Q(site__in=sites))
    return ReportTemplate.objects.filter(shared | Q(owner=viewer)).select_related("procedure", "site", "owner")


def template_for(viewer: User, template_id: int) -> ReportTemplate:
    """One visible template. Raises NotFound."""
    template = visible_templates(viewer).filter(pk=template_id).first()
    if template is None:
        raise NotFound("There is no such template.")
    return template


def newest_version(template: ReportTemplate) -> TemplateVersion:
    """The text that the template has now."""
    return TemplateVersion.objects.get(template=template, number=template.number)


def may_edit(user: User, template: ReportTemplate) -> bool:
    """Whether the user may change it: their own, or, for who leads reading, everybody's."""
    if template.owner_id is not None:
        return template.owner_id == user.pk
    sites = site_ids_for(user, Can.LEAD_READING)
    return template.site_id in sites if template.site_id else Can.LEAD_READING in permissions_of(user)


@transaction.atomic
def save_template(
    template: ReportTemplate | None,
    *,
    title: str,
    sections: Mapping[str, str],
    conditions: Mapping[str, Any],
    known: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Any] | None = None,
    identifier: str = "",
    language: str = "en",
    personal: bool = False,
    user: User,
    actor: Actor,
    at: datetime,
) -> ReportTemplate:
    """Save a template, or a new version of one; drafts that were begun from an earlier version stay as they are.

    ``sections``: texts with ``[fields]``; ``conditions``: of CONDITIONS, ids for ``procedure`` and ``site``.
    Raises Invalid at the field that is wrong; Forbidden for who may not change it.
    """
    title = " ".join(title.split())
    if not title or len(title) > 199:
        raise Invalid("Give the template a title of at most 199 characters.", at="title")
    texts = _texts(sections)
    row = template or ReportTemplate(identifier=identifier or new_uid(), owner=user if personal else None)
    row.title, row.language = title, language[:8] or "en"
    for name, value in _conditions(conditions).items():
        setattr(row, name, value)
    if not may_edit(user, row):
        raise Forbidden("Who leads reading changes everybody's templates; make one of your own.", code="role")
    if row.pk is None:
        row.save()
    else:
        row.save(update_fields=["title", "language", *_COLUMNS])
    _append_version(row, texts, known, attributes, user, at)
    record(actor, "template.save", row, at=at, version=row.number)
    return row


def _append_version(
    row: ReportTemplate, texts: dict[str, str], known: Mapping[str, Any] | None, attributes: Mapping[str, Any] | None,
    user: User, at: datetime,
) -> None:  # fmt: skip
    # The UPDATE locks the row, so two who save at once get different numbers.
    ReportTemplate.objects.filter(pk=row.pk).update(number=F("number") + 1)
    row.refresh_from_db(fields=["number"])
    before = TemplateVersion.objects.filter(template=row).order_by("-number").first()
    names = {field.name for text in texts.values() for field in fields_of(text)}
    kept = check_fields(dict(known if known is not None else (before.fields if before else {})))
    TemplateVersion.objects.create(
        template=row, number=row.number, made_by=user, made_at=at,
        fields={name: kept[name] for name in names if name in kept},
        attributes=dict(attributes if attributes is not None else (before.attributes if before else {})), **texts,
    )  # fmt: skip


_COLUMNS = ("procedure", "modality", "region", "contrast", "site", "sex", "age_from", "age_to")


def _texts(sections: Mapping[str, str]) -> dict[str, str]:
    texts = {name: sections.get(name, "").replace("\r\n", "\n").strip() for name in SECTIONS}
    for name, text in texts.items():
        if len(text) > MOST_CHARACTERS or "\x00" in text:
            raise Invalid(f"More than {MOST_CHARACTERS} characters, or a NUL character.", at=name)
    if not any(texts.values()):
        raise Invalid("A template needs a text in one of its sections.", at="findings")
    return texts


def _conditions(given: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: str(given.get(name) or "").strip() for name in ("modality", "region", "contrast", "sex")}
    if values["contrast"] not in ("", "with", "without"):
        raise Invalid("Contrast is with, without or empty.", at="contrast")
    if values["sex"] not in ("", "F", "M"):
        raise Invalid("Sex is F, M or empty.", at="sex")
    if len(values["modality"]) > 16 or len(values["region"]) > 32:
        raise Invalid("A modality has at most 16 characters, a region 32.", at="modality")
    ages = {name: given.get(name) for name in ("age_from", "age_to")}
    for name, age in ages.items():
        if age is not None and not 0 <= int(age) <= 150:
            raise Invalid("Years from 0 to 150.", at=name)
    rows = {}
    for name, model in (("procedure", Procedure), ("site", Site)):
        rows[name] = model.objects.filter(pk=given[name]).first() if given.get(name) else None
        if given.get(name) and rows[name] is None:
            raise Invalid(f"There is no such {name}.", at=name)
    return values | ages | rows | {"modality": values["modality"].upper(), "region": values["region"].upper()}


@transaction.atomic
def import_mrrt(name: str, content: bytes, *, user: User, actor: Actor, at: datetime) -> Imported:
    """Read one MRRT file into a template of everybody's; a known identifier gets a new version. Scripts are taken out.

    A file of which no template can be made is not an error: ``refusal`` has the line and the reason. Raises Forbidden.
    """
    try:
        read = read_mrrt(content)
        template = ReportTemplate.objects.filter(identifier=read.identifier).first() if read.identifier else None
        conditions = {} if template is None else {
            column: getattr(template, f"{column}_id" if column in ("procedure", "site") else column)
            for column in _COLUMNS
        }  # fmt: skip
        saved = save_template(
            template, title=read.title, sections=read.sections, conditions=conditions or _suggested(read.attributes),
            known=read.fields, attributes=read.attributes, identifier=read.identifier, language=read.language,
            user=user, actor=actor, at=at,
        )  # fmt: skip
    except Invalid as refusal:
        return Imported(name, None, refusal=str(refusal))
    return Imported(name, saved, tuple(read.repairs))


_MODALITIES = {
    "RID10321": "CT",
    "RID10312": "MR",
    "RID10326": "US",
    "RID10345": "XR",
    "RID10357": "MG",
    "RID10337": "PT",
}


def _suggested(attributes: Mapping[str, Any]) -> dict[str, str]:
    """The modality by the template's RadLex terms, where it names one."""
    named = {_MODALITIES[value.rpartition("/")[2]] for _, _, value, _ in attributes.get("terms", [])
             if value.rpartition("/")[2] in _MODALITIES}  # fmt: skip
    return {"modality": named.pop()} if len(named) == 1 else {}


def export_mrrt(template: ReportTemplate) -> str:
    """The newest version as a valid MRRT file."""
    version = newest_version(template)
    sections = {name: getattr(version, name) for name in SECTIONS}
    return write_mrrt(
        template.identifier, template.title, template.language, sections, version.fields, version.attributes
    )


def choices_for(item: ReadingItem, reader: User) -> list[tuple[ReportTemplate, Choice]]:
    """The templates that fit a case, the best first, with why."""
    sources = Sources(item)
    patient, procedure = sources.patient, sources.procedure
    age = round((sources.exam_date - patient.birth_date).days / 365.25, 2) if patient.birth_date else None
    kinds = [Insertion.TEMPLATE, Insertion.NORMAL]
    used = Insertion.objects.filter(
        reader=reader, kind__in=kinds, item__procedure__procedure=procedure.procedure_id
    ).values_list("version__template").annotate(last=Max("at"))  # fmt: skip
    exam = Exam(
        procedure_id=procedure.procedure_id, procedure=str(procedure), modality=item.modality, region=item.region,
        contrast=contrast_of(procedure.procedure.name if procedure.procedure else str(procedure)), site_id=item.site_id,
        sex=patient.sex, age=age, reader_id=reader.pk, used_at=dict(used),
    )  # fmt: skip
    templates = {template.pk: template for template in visible_templates(reader).filter(active=True)}
    return [(templates[choice.template_id], choice) for choice in rank_templates(templates.values(), exam)]
