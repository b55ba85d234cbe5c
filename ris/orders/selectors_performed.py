"""Which scheduled steps an exam refers to (PS3.4 F.7.2.1), and which steps to suggest where it names none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q

from ris.patients.models import Identifier

from . import states
from .models import PerformedStep, ScheduledStep


@dataclass(frozen=True, kw_only=True, slots=True)
class StepReference:
    """What a device says it performed: one item of its Scheduled Step Attributes (0040,0270)."""

    study_uid: str = ""
    step_number: str = ""
    procedure_number: str = ""
    accession: str = ""
    modality: str = ""


def match_steps(references: Iterable[StepReference]) -> list[int]:
    """The primary keys of the steps that are referred to, each once; empty for an unscheduled exam.

    By Study Instance UID and step number; a reference without either is matched by accession number,
    when only one procedure of the order is still to do in that modality.
    """
    # A dict keeps the order in which the device named the steps.
    keys: dict[int, None] = {}
    for reference in references:
        keys |= dict.fromkeys(_by_study(reference) or _by_accession(reference))
    return list(keys)


def _by_study(reference: StepReference) -> list[int]:
    if not reference.study_uid:
        return []
    steps = list(
        ScheduledStep.objects.filter(procedure__study_uid=reference.study_uid)
        .order_by("pk")
        .values_list("pk", "number", "state")
    )
    named = [pk for pk, number, _ in steps if reference.step_number and number == reference.step_number]
    open_steps = [pk for pk, _, state in steps if state != states.CANCELLED]
    return named or (open_steps if len(open_steps) == 1 else [])


def _by_accession(reference: StepReference) -> list[int]:
    if not reference.accession:
        return []
    steps = ScheduledStep.objects.filter(procedure__order__accession=reference.accession).order_by("pk")
    if reference.step_number and reference.procedure_number:
        named = steps.filter(number=reference.step_number, procedure__number=reference.procedure_number)
        if named:
            return [step.pk for step in named]
    if reference.step_number:
        named = steps.filter(number=reference.step_number)
        if named:
            return [step.pk for step in named]
    likely = steps.filter(state__in=states.WAITING)
    if reference.modality:
        likely = likely.filter(modality=reference.modality)
    return [likely[0].pk] if len(likely) == 1 else []


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A scheduled step that an unscheduled exam may belong to, and why, in words for a person."""

    step: ScheduledStep
    why: tuple[str, ...]


NEAR = timedelta(hours=24)
"""A step planned so near to the exam on its device may be it, though nothing else fits."""
MOST_SUGGESTIONS = 10
"""A person looks at no more."""
MOST_WEIGHED = 200
"""Steps that are weighed for one exam: bounds the work where a device has a long list."""


def suggest_steps(performed: PerformedStep, *, patient_number: str = "") -> list[Suggestion]:
    """Steps not performed yet that fit the exam, the likeliest first.

    Counted are the study, the accession number, the patient (``patient_number`` as the device sent it), the
    modality, the device and nearness in time; a suggestion shares at least study, patient or accession, or
    was planned on the same device within a day.
    """
    waiting = ScheduledStep.objects.filter(state__in=[*states.WAITING, states.DISCONTINUED]).select_related(
        "procedure__order__patient", "device"
    )
    start = performed.started_at
    likely = Q(start__gte=start - NEAR, start__lte=start + NEAR, device=performed.device)
    if performed.study_uid:
        likely |= Q(procedure__study_uid=performed.study_uid)
    if performed.accession:
        likely |= Q(procedure__order__accession=performed.accession)
    if patient_number:
        likely |= Q(procedure__order__patient__identifiers__value=patient_number)
    patients = set(Identifier.objects.filter(value=patient_number).values_list("patient", flat=True))
    weighed = [_weigh(step, performed, patients) for step in waiting.filter(likely).distinct()[:MOST_WEIGHED]]
    weighed.sort(key=lambda pair: (-pair[0], abs(pair[1].step.start - start), pair[1].step.pk))
    return [suggestion for _, suggestion in weighed[:MOST_SUGGESTIONS]]


def _weigh(step: ScheduledStep, performed: PerformedStep, patients: set[int]) -> tuple[int, Suggestion]:
    order = step.procedure.order
    # Powers of two: one stronger reason outweighs all weaker ones together, the last two being equal.
    reasons = {
        "same study": (16, bool(performed.study_uid) and step.procedure.study_uid == performed.study_uid),
        "same accession number": (8, bool(performed.accession) and order.accession == performed.accession),
        "same patient": (4, order.patient_id in patients),
        "same modality": (2, step.modality == performed.modality),
        "same device": (1, step.device_id is not None and step.device_id == performed.device_id),
        "planned within a day": (1, abs(step.start - performed.started_at) <= NEAR),
    }
    why = tuple(name for name, (_, holds) in reasons.items() if holds)
    return sum(weight for weight, holds in reasons.values() if holds), Suggestion(step, why)
