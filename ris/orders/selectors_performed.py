"""Which scheduled steps an exam refers to, and which orders it may belong to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from . import states
from .models import ScheduledStep


@dataclass(frozen=True, kw_only=True, slots=True)
class StepReference:
    """What a device says it performed: one item of its Scheduled Step Attributes (0040,0270)."""

    study_uid: str = ""
    step_number: str = ""
    procedure_number: str = ""
    accession: str = ""
    modality: str = ""


def steps_referred(references: Iterable[StepReference]) -> list[int]:
    """The primary keys of the steps that are meant, each once; empty for an unscheduled exam.

    By Study Instance UID and step number; a reference without either is matched by accession number,
    when only one procedure of the order is still to do in that modality.
    """
    found: dict[int, None] = {}
    for reference in references:
        found |= dict.fromkeys(_by_study(reference) or _by_accession(reference))
    return list(found)


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
