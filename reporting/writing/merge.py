"""Merge fields: what the system knows of an exam, as words for its report.

Each is computed at the moment of insertion; the words and where they were read are kept, so that the room can say when
the source has changed since. ``FIELDS`` is the list that docs/reporting.md is made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from zoneinfo import ZoneInfo

from django.db.models import Min

from ris.orders.models import PerformedStep, RequestedProcedure
from worklist.models import ReadingItem

from .supplies import Supply, supplies_of

SIDES = {"L": "left", "R": "right", "B": "both sides"}
MOST_PRIORS = 3


@dataclass(frozen=True, slots=True)
class Merged:
    """The words, empty where nothing is known, and where they were read."""

    text: str
    source: str


class Sources:
    """What merge fields read of one case; each part is read when it is first wanted."""

    def __init__(self, item: ReadingItem) -> None:
        self.item = item
        self.procedure: RequestedProcedure = item.procedure
        self.order = item.procedure.order
        self.patient = self.order.patient

    @cached_property
    def performed(self) -> list[PerformedStep]:
        """The performed steps of the exam that were not broken off, in order."""
        steps = PerformedStep.objects.filter(steps__procedure=self.procedure).exclude(state="discontinued")
        return list(steps.distinct().order_by("started_at", "pk"))

    @cached_property
    def supplies(self) -> list[Supply]:
        """Contrast and other consumables that devices reported."""
        return supplies_of([step.pk for step in self.performed])

    @cached_property
    def exam_date(self) -> date:
        """The day on which the exam began, at its site; before that the day of the order."""
        begun = min((step.started_at for step in self.performed), default=self.order.placed_at)
        return begun.astimezone(ZoneInfo(self.order.site.time_zone)).date()

    @cached_property
    def priors(self) -> list[tuple[date, str]]:
        """Earlier exams that were done, of the same region first, then the newest: (day, name)."""
        others = RequestedProcedure.objects.filter(order__patient=self.patient).exclude(pk=self.procedure.pk)
        done = others.exclude(state="cancelled").annotate(at=Min("steps__performed__started_at")).exclude(at=None)
        region = self.item.region
        rows = [
            ((row.procedure.body_region if row.procedure else "") == region, row.at, str(row), row.order.site.time_zone)
            for row in done.select_related("procedure", "order__site").order_by("-at")[:40]
        ]
        rows.sort(key=lambda row: row[0], reverse=True)
        days = ((at.astimezone(ZoneInfo(zone)).date(), name) for _, at, name, zone in rows)
        return [(day, name) for day, name in days if day <= self.exam_date][:MOST_PRIORS]


def _age(sources: Sources) -> Merged:
    birth, day = sources.patient.birth_date, sources.exam_date
    if birth is None or birth > day:
        return Merged("", "birth date of the patient")
    years = day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
    if years >= 2:
        return Merged(f"{years} years", "birth date of the patient, day of the exam")
    months = (day.year - birth.year) * 12 + day.month - birth.month - (day.day < birth.day)
    text = f"{months} months" if months >= 2 else f"{(day - birth).days} days"
    return Merged(text, "birth date of the patient, day of the exam")


def _sex(sources: Sources) -> Merged:
    return Merged({"F": "female", "M": "male"}.get(sources.patient.sex, ""), "sex of the patient")


def _indication(sources: Sources) -> Merged:
    order = sources.order
    return Merged(" ".join(filter(None, [order.reason.strip(), order.clinical_info.strip()])), "order: OBR-31, OBR-13")


def _technique(sources: Sources) -> Merged:
    series = sum(len(step.series) for step in sources.performed)
    parts = [str(sources.procedure), f"{series} series" if series else "", _contrast(sources).text, _dose(sources).text]
    return Merged(", ".join(filter(None, parts)) + ".", "procedure; MPPS: series, supplies, dose")


def _contrast(sources: Sources) -> Merged:
    words = []
    for supply in sources.supplies:
        amount = f"{supply.quantity:g} {supply.unit}".strip() if supply.quantity is not None else ""
        words.append(" ".join(filter(None, [amount, supply.name or supply.code])))
    return Merged(", ".join(words), "MPPS: Billing Supplies and Devices (0040,0324)")


def _dose(sources: Sources) -> Merged:
    doses = [step.dose for step in sources.performed]
    dlp = [dose["dlp"] for dose in doses if dose.get("dlp") is not None]
    ctdi = [value for dose in doses for value in dose.get("ctdivol") or []]
    dap = [dose["dap"] for dose in doses if dose.get("dap") is not None]
    parts = [f"DLP {sum(dlp):g} mGy·cm" if dlp else "", f"CTDIvol up to {max(ctdi):g} mGy" if ctdi else "",
             f"DAP {sum(dap):g} dGy·cm²" if dap else ""]  # fmt: skip
    return Merged(", ".join(filter(None, parts)), "MPPS: Radiation Dose (PS3.3 C.4.16)")


def _comparison(sources: Sources) -> Merged:
    words = "; ".join(f"{name}, {day:%Y-%m-%d}" for day, name in sources.priors)
    return Merged(f"{words}." if words else "", "exams of the patient that were done here")


def _referrer(sources: Sources) -> Merged:
    family, _, given = (sources.order.ordering_provider or sources.order.referring_provider).partition("^")
    return Merged(" ".join(filter(None, [given.replace("^", " ").strip(), family])), "order: ORC-12, else PV1-8")


def _laterality(sources: Sources) -> Merged:
    return Merged(SIDES.get(sources.procedure.laterality, ""), "requested procedure")


def _exam(sources: Sources) -> Merged:
    return Merged(str(sources.procedure), "requested procedure")


def _exam_date(sources: Sources) -> Merged:
    return Merged(f"{sources.exam_date:%Y-%m-%d}", "MPPS, else order")


def _pregnancy(sources: Sources) -> Merged:
    return Merged({True: "pregnant", False: "not pregnant", None: ""}[sources.order.pregnant], "order: PV1-15")


def _ai(sources: Sources) -> Merged:
    accepted = sources.item.insertions.filter(kind="ai").order_by("at").values_list("text", flat=True)
    return Merged(" ".join(dict.fromkeys(accepted)), "findings of algorithms that the reader took over")


FIELDS: dict[str, tuple[str, Callable[[Sources], Merged]]] = {
    "age": ("Age at the exam", _age),
    "sex": ("Sex", _sex),
    "indication": ("Indication", _indication),
    "exam": ("Name of the exam", _exam),
    "exam date": ("Day of the exam", _exam_date),
    "laterality": ("Side", _laterality),
    "technique": ("Exam, series, contrast and dose", _technique),
    "contrast": ("Contrast that was given", _contrast),
    "dose": ("Dose", _dose),
    "comparison": ("Earlier exams with their days", _comparison),
    "referrer": ("Who ordered it", _referrer),
    "pregnancy": ("Pregnancy", _pregnancy),
    "ai": ("Findings of algorithms that were taken over", _ai),
}
"""Name → title, and the function that computes it."""


def merged_of(item: ReadingItem) -> dict[str, Merged]:
    """Every merge field of a case, computed now."""
    sources = Sources(item)
    return {name: compute(sources) for name, (_, compute) in FIELDS.items()}


def stale_fields(item: ReadingItem, sections: dict[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """(field, section, words in the draft, words today) of inserted fields whose source has changed since.

    Only words that still stand in the draft count: what the reader rewrote is the reader's.
    """
    now = merged_of(item)
    newest = {(row.name, row.section): row for row in item.insertions.filter(kind="merge").order_by("at", "pk")}
    for (name, section), row in newest.items():
        text = now[name].text if name in now else row.text
        texts = [sections.get(section, "")] if section else list(sections.values())
        if text != row.text and row.text and any(row.text in words for words in texts):
            yield name, section, row.text, text


def table_of_fields() -> str:
    """The merge fields as the rows of a Markdown table, for the documents."""
    return "\n".join(f"| `{{{name}}}` | {title} |" for name, (title, _) in FIELDS.items())
