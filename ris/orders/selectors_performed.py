"""Which scheduled steps an exam refers to (PS3.4 F.7.2.1), and which steps to suggest where it names none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, QuerySet

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


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchedStep:
    """A scheduled step that a device names, and the study that it names with it (empty: none)."""

    step: ScheduledStep
    study_uid: str


def match_steps(references: Iterable[StepReference]) -> list[MatchedStep]:
    """The steps that are referred to, each once, with order and patient; empty for an unscheduled exam.

    Accession number, step and procedure number come before the Study Instance UID: in a group case the second step is
    named under the first one's study, and some devices make a study of their own (IHE RAD TF-2 4.6.4.1.2.3).
    """
    # A dict keeps the order in which the device named the steps.
    matched: dict[int, MatchedStep] = {}
    for reference in references:
        step = _match(reference, taken=set(matched))
        if step is not None:
            matched.setdefault(step.pk, MatchedStep(step=step, study_uid=reference.study_uid))
    return list(matched.values())


def _match(reference: StepReference, taken: set[int]) -> ScheduledStep | None:
    """The one step that a reference means; None when it fits none or several."""
    steps = list(_candidates(reference))
    # Each test narrows the steps only where some of them pass it: devices mangle and leave out numbers.
    named = [step for step in steps if reference.step_number and step.number == reference.step_number]
    steps = named or [step for step in steps if step.pk not in taken] or steps
    tests: list[Callable[[ScheduledStep], bool]] = [
        lambda step: step.procedure.number == reference.procedure_number,
        lambda step: step.procedure.study_uid == reference.study_uid,
    ]
    if not named:  # a step that is named may be cancelled, or done before; of the others one still to do is meant
        tests += [
            lambda step: step.modality == reference.modality,
            lambda step: step.state != states.CANCELLED,
            lambda step: step.state in states.WAITING,
        ]
    for test in tests:
        steps = [step for step in steps if test(step)] or steps
    if len(steps) != 1:
        return None
    step = steps[0]
    guessed = not named and (step.state == states.CANCELLED or reference.modality not in ("", step.modality))
    return None if guessed and step.procedure.study_uid != reference.study_uid else step


def _candidates(reference: StepReference) -> QuerySet[ScheduledStep]:
    """Steps of the accession number; where nobody here has it, those of the study."""
    steps = ScheduledStep.objects.select_related("procedure__order__patient").order_by("pk")
    if reference.accession:
        of_accession = steps.filter(procedure__order__accession=reference.accession)
        if of_accession.exists():
            return of_accession
    if not reference.study_uid:
        return steps.none()
    return steps.filter(procedure__study_uid=reference.study_uid)


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
