"""Who is meant by a number: what was said is compared with what is known, and a person decides what is in doubt."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.catalog.models import Site
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.events import emit

from ..events import IdentityDecided
from ..intents import PatientIntent
from ..matching import Comparison, Traits, Verdict, compare, fold
from ..models import IdentityQuestion, Patient

ALARM = "patient-identity"
_RANK = (Verdict.SAME, Verdict.UNSURE, Verdict.ANOTHER)


@dataclass(frozen=True, slots=True)
class IdentityPolicy:
    """What a site does with a description that may be, or clearly is, of somebody else: apply it, or hold it."""

    unsure: str = Site.APPLY
    another: str = Site.HOLD

    def holds(self, verdict: Verdict) -> bool:
        """Whether what was said is held until a person has decided."""
        chosen = {Verdict.UNSURE: self.unsure, Verdict.ANOTHER: self.another}.get(verdict, Site.APPLY)
        return chosen == Site.HOLD

    @classmethod
    def of(cls, site: Site) -> IdentityPolicy:
        """The policy of a site."""
        return cls(unsure=site.identity_unsure, another=site.identity_another)


ASK_FIRST = IdentityPolicy(unsure=Site.HOLD, another=Site.HOLD)
"""For people at a screen and programs, who are there to be asked."""


class IdentityDoubt(Conflict):
    """A number that is known came with the description of somebody else; nothing of it was applied."""

    def __init__(self, patient: Patient, traits: Traits, comparison: Comparison) -> None:
        words = ", ".join(comparison.differing) or "name or birth date"
        super().__init__(
            f"The patient of this number is known with another {words}. Say whether it is the same person "
            "(Patients, questions of identity), or send it under the right number.",
            at="PID-3",
            code="identity",
        )
        self.patient_id, self.traits, self.comparison = patient.pk, traits, comparison


def traits_said(intent: PatientIntent) -> Traits:
    """What an intent says of the person."""
    born = intent.birth_date
    return Traits(
        family=intent.family_name or "",
        given=" ".join(filter(None, [intent.given_name, intent.middle_name])),
        ideographic=intent.ideographic_name or "",
        birth_date=born if isinstance(born, date) else None,
        sex=intent.sex or "",
        former_families=intent.former_families,
    )


def traits_known(patient: Patient) -> Traits:
    """What is known of a patient."""
    return Traits(
        family=patient.family_name,
        given=" ".join(filter(None, [patient.given_name, patient.middle_name])),
        ideographic=patient.ideographic_name,
        birth_date=patient.birth_date,
        sex=patient.sex,
    )


def compare_with_patient(patient: Patient, said: Traits) -> Comparison:
    """The comparison with the patient, or with whichever record was merged into them that fits better."""
    records = [patient, *patient.merged_from.all()] if patient.pk else [patient]
    comparisons = [compare(traits_known(record), said) for record in records]
    return min(comparisons, key=lambda comparison: _RANK.index(comparison.verdict))


def find_doubt(patient: Patient, said: Traits) -> Comparison | None:
    """What is in doubt about ``said`` being of the patient; None when nothing is, or a person has said it is them."""
    # First without the merged records, which cost a query: most descriptions fit.
    comparison = compare(traits_known(patient), said)
    if comparison.verdict is Verdict.SAME:
        return None
    comparison = compare_with_patient(patient, said)
    if comparison.verdict is Verdict.SAME or is_decided_same(patient, said):
        return None
    return comparison


def check_identity(patient: Patient, said: Traits, policy: IdentityPolicy) -> Comparison | None:
    """The same. Raises IdentityDoubt where the policy holds such a description."""
    doubt = find_doubt(patient, said)
    if doubt is not None and policy.holds(doubt.verdict):
        raise IdentityDoubt(patient, said, doubt)
    return doubt


def is_decided_same(patient: Patient, said: Traits) -> bool:
    """Whether a person has said that this description is of the patient."""
    decided = IdentityQuestion.objects.filter(
        patient=patient, fingerprint=fingerprint(said), state=IdentityQuestion.SAME
    )
    return decided.exists()


def fingerprint(said: Traits) -> str:
    """SHA-256 of a description, whatever its case and accents."""
    # 0x1F (unit separator) is in no name, so two descriptions never join to one text.
    parts = [fold(said.family), fold(said.given), said.ideographic, str(said.birth_date or ""), said.sex]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


@transaction.atomic
def ask_identity(
    patient_id: int,
    said: Traits,
    comparison: Comparison,
    *,
    source: str,
    message_id: int | None,
    held: bool,
    at: datetime,
) -> IdentityQuestion:
    """Ask a person who is meant, once for each description, and raise an alarm."""
    values: dict[str, Any] = {"last_at": at, "message_id": message_id, "held": held}
    words: dict[str, Any] = {**asdict(said), "birth_date": said.birth_date.isoformat() if said.birth_date else ""}
    del words["former_families"]  # they help to compare and are not kept
    question, created = IdentityQuestion.objects.get_or_create(
        patient_id=patient_id,
        fingerprint=fingerprint(said),
        defaults={
            **values, "said": words, "verdict": comparison.verdict.value, "differing": list(comparison.differing),
            "source": source[:120], "asked_at": at,
        },
    )  # fmt: skip
    if not created:
        IdentityQuestion.objects.filter(pk=question.pk).update(**values, times=F("times") + 1)
    if question.state == IdentityQuestion.OPEN:
        detail = f"{source[:60]}: another {', '.join(comparison.differing) or 'description'}"
        raise_alarm(ALARM, f"patient {patient_id}", detail=detail, at=at)
    return question


@transaction.atomic
def decide_identity(question_id: int, *, same: bool, reason: str, actor: Actor, at: datetime) -> IdentityQuestion:
    """A person says whether it is the same person. What was held is taken again by the event.

    Raises NotFound; Invalid without a reason; Conflict when it was decided already.
    """
    if not reason.strip():
        raise Invalid("Say how you know.", at="reason")
    state = IdentityQuestion.SAME if same else IdentityQuestion.ANOTHER
    # One guarded UPDATE: of two who decide at once, one does.
    decided = IdentityQuestion.objects.filter(pk=question_id, state=IdentityQuestion.OPEN).update(
        state=state, decided_at=at, decided_by=actor.name, reason=reason.strip()[:250]
    )
    question = IdentityQuestion.objects.select_related("patient").filter(pk=question_id).first()
    if question is None:
        raise NotFound("There is no such question.")
    if not decided:
        raise Conflict("This question was decided already.", at="question")
    record(
        actor, "patient.identity", question.patient, patient_id=question.patient_id, at=at, reason=question.reason,
        question=question.pk, outcome=state,
    )  # fmt: skip
    if not IdentityQuestion.objects.filter(patient=question.patient_id, state=IdentityQuestion.OPEN).exists():
        clear_alarm(ALARM, f"patient {question.patient_id}", at=at)
    emit(
        IdentityDecided(
            stream=f"patient:{question.patient_id}", at=at, patient_id=question.patient_id, question_id=question.pk,
            same=same, message_id=question.message_id if question.held else None,
        )
    )  # fmt: skip
    return question
