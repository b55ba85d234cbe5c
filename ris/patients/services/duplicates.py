"""Possible duplicates: two records that may be of one person, found when either changes, and decided by a person."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.values import read_reason

from ..matching import Fit, Traits, compare, compare_names
from ..models import Patient, PossibleDuplicate
from .merging import merge_patients
from .questions import traits_known

BATCH = 200
"""Patients a run: a back-fill of a million takes hours in the background and hinders nobody."""
MOST_OF_A_DAY = 1000
"""Of one birth date that are compared; more have it only where it stands for "not known"."""


def find_duplicates(*, at: datetime, limit: int = BATCH) -> int:
    """Compare patients who are new, or changed since they were last compared, with those born the same day.

    Patients who were there before this began are compared too: no version of theirs was. Returns how many were.
    """
    changed = Patient.objects.filter(merged_into=None, birth_date__isnull=False).exclude(compared_version=F("version"))
    patients = list(changed.order_by("pk")[:limit])
    for patient in patients:
        with transaction.atomic():
            _compare_one(patient, at)
            # The version that was read: a change meanwhile has it compared again.
            Patient.objects.filter(pk=patient.pk).update(compared_version=patient.version)
    return len(patients)


def _compare_one(patient: Patient, at: datetime) -> None:
    others = Patient.objects.filter(merged_into=None, birth_date=patient.birth_date).exclude(pk=patient.pk)
    alike = {other.pk: fit for other in others.order_by("pk")[:MOST_OF_A_DAY] if (fit := fit_of(patient, other))}
    pair = Q(first=patient.pk) | Q(second=patient.pk)
    for row in PossibleDuplicate.objects.filter(pair, state=PossibleDuplicate.OPEN):
        other = row.second_id if row.first_id == patient.pk else row.first_id
        if other not in alike:  # a name was corrected since
            row.delete()
    for other, fit in alike.items():
        first, second = sorted((patient.pk, other))
        PossibleDuplicate.objects.get_or_create(
            first_id=first, second_id=second, defaults={"name_fit": fit.value, "found_at": at}
        )


def fit_of(one: Patient, other: Patient) -> Fit | None:
    """How the names fit, where the two may be one person; None where not.

    The birth dates are the same and the sexes do not disagree. The name is equal (also with its halves swapped or
    run together), or near by slips of typing; another family name alone is not near enough: many share the rest.
    """
    mine, theirs = traits_known(one), traits_known(other)
    fit = compare(mine, theirs)
    if fit.birth_date is not Fit.EQUAL or fit.sex is Fit.OTHER or fit.name not in (Fit.EQUAL, Fit.NEAR):
        return None
    if fit.name is Fit.EQUAL and not (mine.given or mine.ideographic):
        return None  # a family name alone says little
    straight, crossed = (theirs.family, theirs.given), (theirs.given, theirs.family)
    return fit.name if _halves_fit(mine, straight) or _halves_fit(mine, crossed) or fit.name is Fit.EQUAL else None


def _halves_fit(mine: Traits, theirs: tuple[str, str]) -> bool:
    near = (Fit.EQUAL, Fit.NEAR)
    family = compare_names(Traits(family=mine.family), Traits(family=theirs[0]))
    # Compared as family names, which an initial does not fit: "A." is no slip of "Anna".
    given = compare_names(Traits(family=mine.given), Traits(family=theirs[1]))
    return family in near and given in near


@transaction.atomic
def merge_duplicate(duplicate_id: int, *, survivor_id: int, reason: str, actor: Actor, at: datetime) -> Patient:
    """A person says that the two are one: the other record is merged into ``survivor_id``. It can be undone.

    Raises NotFound; Invalid without a reason, or at ``survivor`` for somebody else; Conflict when it was decided.
    """
    row = _take(duplicate_id, PossibleDuplicate.MERGED, reason, actor, at)
    if survivor_id not in (row.first_id, row.second_id):
        raise Invalid("Say which of the two records remains.", at="survivor")
    retired_id = row.second_id if survivor_id == row.first_id else row.first_id
    return merge_patients(survivor_id, retired_id, actor=actor, at=at)


@transaction.atomic
def keep_apart(duplicate_id: int, *, reason: str, actor: Actor, at: datetime) -> PossibleDuplicate:
    """A person says that the two are two people: they are not asked about again. Refusals as ``merge_duplicate``."""
    return _take(duplicate_id, PossibleDuplicate.DIFFERENT, reason, actor, at)


def _take(duplicate_id: int, state: str, reason: str, actor: Actor, at: datetime) -> PossibleDuplicate:
    """Decide it: one guarded UPDATE, so that of two who decide at once one does."""
    reason = read_reason(reason, "Say how you know.")
    taken = PossibleDuplicate.objects.filter(pk=duplicate_id, state=PossibleDuplicate.OPEN).update(
        state=state, decided_at=at, decided_by=actor.name, reason=reason[:250]
    )
    row = PossibleDuplicate.objects.select_related("first", "second").filter(pk=duplicate_id).first()
    if row is None:
        raise NotFound("There are no such two patients.")
    if not taken:
        raise Conflict("Somebody has decided about these two already.", at="duplicate")
    for patient in (row.first, row.second):
        record(
            actor, "patient.duplicate", patient, patient_id=patient.pk, at=at, reason=reason, duplicate=row.pk,
            outcome=state,
        )  # fmt: skip
    return row
