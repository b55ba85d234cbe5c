"""Sets imported, values kept with each release, computed fields filled in, AI findings taken over or rejected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from ris.access.visibility import open_rows
from ris.audit.services import Actor, record
from ris.kernel.errors import Invalid, NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require, site_ids_for
from worklist.models import AiFlag, ReadingItem

from ..models import ReportVersion
from ..selectors import RELEASED, visible_reports
from ..services.drafting import held
from ..writing.fields import GAP
from ..writing.models import Insertion, ReportTemplate, TemplateVersion
from ..writing.mrrt.reading import SECTIONS
from ..writing.templates import save_template
from .elements import read_element_set
from .extraction import Stated, compute, stated_values
from .models import AiDecision, ElementSet, ReportValue


@dataclass(frozen=True, slots=True)
class AiOffer:
    """A positive finding of an algorithm, and what the reader did with it (empty: nothing yet)."""

    vendor: str
    code: str
    score: float | None
    text: str
    decision: str


@transaction.atomic
def import_element_set(content: bytes, *, user: User, actor: Actor, at: datetime) -> ElementSet:
    """Keep a set of common data elements, and make (or renew) its template. Raises Invalid at the member that is wrong,
    Forbidden for who does not lead reading."""
    require(user, Can.LEAD_READING)
    read = read_element_set(content)
    template = ReportTemplate.objects.filter(identifier=read.identifier).first()
    template = save_template(
        template, title=read.name, sections={"findings": read.text}, conditions={"modality": read.modality},
        known=read.known, attributes={"description": "Made of a set of common data elements."},
        identifier=read.identifier, user=user, actor=actor, at=at,
    )  # fmt: skip
    row, _ = ElementSet.objects.update_or_create(
        identifier=read.identifier,
        defaults={"name": read.name, "version": read.version, "content": read.content, "template": template,
                  "imported_by": user, "imported_at": at},
    )  # fmt: skip
    record(actor, "elements.import", row, at=at, version=read.version)
    return row


def templates_used(item: ReadingItem) -> list[TemplateVersion]:
    """The versions of templates that were inserted into the case's draft, in order, each once."""
    used = Insertion.objects.filter(item=item, kind__in=[Insertion.TEMPLATE, Insertion.NORMAL]).exclude(version=None)
    ids = list(dict.fromkeys(used.order_by("at", "pk").values_list("version_id", flat=True)))
    rows = TemplateVersion.objects.in_bulk(ids)
    return [rows[pk] for pk in ids]


@transaction.atomic
def keep_values(version_id: int) -> int:
    """Keep what a released version states in the fields of its templates, and settle the AI findings of its case.

    Returns how many values were kept; none the second time.
    """
    version = ReportVersion.objects.select_related("report__item").filter(pk=version_id).first()
    if version is None or version.kind == ReportVersion.ADDENDUM or version.values.exists():
        return 0
    item = version.report.item
    rows: dict[tuple[str, int, str], ReportValue] = {}
    for template in templates_used(item):
        for section in SECTIONS:
            for value in stated_values(getattr(template, section), template.fields, getattr(version, section)):
                rows.setdefault((section, value.start, value.element), _row(version, section, value))
    for row in _settle(version, item):
        rows.setdefault((row.section, row.start, row.element), row)
    ReportValue.objects.bulk_create(rows.values())
    return len(rows)


def _row(version: ReportVersion, section: str, value: Stated) -> ReportValue:
    return ReportValue(
        version=version, section=section, element=value.element[:64], name=value.name[:60], code=value.code[:64],
        number=value.number, text=value.text[:500], unit=value.unit[:32], start=value.start, end=value.end,
        source=value.source,
    )  # fmt: skip


def _settle(version: ReportVersion, item: ReadingItem) -> list[ReportValue]:
    """The released text decides: as inserted, edited (its mark still stands), or taken out again."""
    rows = []
    for decision in AiDecision.objects.filter(item=item).exclude(decision=AiDecision.REJECTED):
        texts = {section: getattr(version, section) for section in SECTIONS}
        place = next(((s, text.find(decision.text)) for s, text in texts.items() if decision.text in text), None)
        if place is not None:
            kind = AiDecision.ACCEPTED
            rows.append(ReportValue(
                version=version, section=place[0], element=decision.code, name=decision.code[:60], text=decision.text,
                start=place[1], end=place[1] + len(decision.text), source=ReportValue.AI,
                algorithm=f"{decision.vendor} {decision.code}",
            ))  # fmt: skip
        else:
            marked = any(_mark(decision.vendor) in text for text in texts.values())
            kind = AiDecision.EDITED if marked else AiDecision.REJECTED
        AiDecision.objects.filter(pk=decision.pk).update(decision=kind)
    return rows


def _mark(vendor: str) -> str:
    return f"AI ({vendor}):"


def offered_findings(item: ReadingItem) -> list[AiOffer]:
    """Positive findings of algorithms about the case, the newest of each algorithm."""
    decisions = dict(AiDecision.objects.filter(item=item).values_list("code", "decision"))
    offers: dict[tuple[str, str], AiOffer] = {}
    for flag in AiFlag.objects.filter(item=item).order_by("result_at", "pk"):
        score = f", score {flag.score:g}" if flag.score is not None else ""
        offer = AiOffer(flag.vendor, flag.code, flag.score, f"{_mark(flag.vendor)} {flag.code}{score}.",
                        decisions.get(flag.code, ""))  # fmt: skip
        if flag.positive:
            offers[flag.vendor, flag.code] = offer
        else:
            offers.pop((flag.vendor, flag.code), None)
    return list(offers.values())


@transaction.atomic
def decide_finding(
    item_id: int, *, vendor: str, code: str, accept: bool, section: str, reader: User, actor: Actor, at: datetime
) -> str:
    """Take an AI finding over (its marked words for the draft) or reject it (empty).

    Raises Conflict (``not-held``); NotFound for a finding that is not offered; Invalid for a section that is none.
    """
    item = held(item_id, reader)
    if section not in SECTIONS:
        raise Invalid(f"Sections are {', '.join(SECTIONS)}.", at="section")
    offer = next((o for o in offered_findings(item) if (o.vendor, o.code) == (vendor, code)), None)
    if offer is None:
        raise NotFound("No algorithm says so of this case (any more).")
    decision = AiDecision.ACCEPTED if accept else AiDecision.REJECTED
    AiDecision.objects.update_or_create(
        item=item, vendor=vendor, code=code,
        defaults={"decision": decision, "section": section if accept else "",
                  "text": offer.text[:300] if accept else "", "reader": reader, "at": at},
    )  # fmt: skip
    if accept:
        Insertion.objects.create(item=item, kind=Insertion.AI, name=f"{vendor} {code}", section=section,
                                 text=offer.text, source="AI", reader=reader, at=at)  # fmt: skip
    record(actor, "ai.decide", item, patient_id=item.procedure.order.patient_id, at=at, decision=decision)
    return offer.text if accept else ""


def decisions_by_algorithm(viewer: User) -> list[dict[str, Any]]:
    """How often each algorithm's findings were accepted, edited and rejected, at the sites where the viewer leads."""
    require(viewer, Can.LEAD_READING)
    rows = AiDecision.objects.filter(item__site__in=site_ids_for(viewer, Can.LEAD_READING))
    rows = open_rows(rows, viewer, patient="item__procedure__order__patient", site="item__site")
    kinds = {kind: Count("pk", filter=Q(decision=kind)) for kind in ("accepted", "edited", "rejected")}
    counted = rows.values("vendor", "code").annotate(**kinds).order_by("vendor", "code")
    return [dict(row) for row in counted]


def visible_values(viewer: User) -> QuerySet[ReportValue]:
    """Values of released reports that the viewer may see, newest version first."""
    seen = visible_reports(viewer).filter(state__in=RELEASED).values("pk")
    return ReportValue.objects.filter(version__report__in=seen).order_by("-version__signed_at", "section", "start")


def fill_computed(item: ReadingItem, sections: Mapping[str, str]) -> dict[str, str]:
    """The sections with computed fields filled in whose place is still open and whose other values are all there."""
    filled = dict(sections)
    for template in templates_used(item):
        formulas = {name: str(p["computed"]) for name, p in template.fields.items() if p.get("computed")}
        numbers: dict[str, float] = {}
        for section in SECTIONS if formulas else ():
            stated = stated_values(getattr(template, section), template.fields, filled.get(section, ""))
            numbers |= {value.name: value.number for value in stated if value.number is not None}
        for name, formula in formulas.items():
            result = compute(formula, numbers)
            if result is not None:
                place = re.compile(re.escape(f"[{name} {GAP}]"))
                filled = {s: place.sub(f"{round(result, 1):g}", text) for s, text in filled.items()}
    return filled
