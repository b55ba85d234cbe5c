"""Whether a device or an archive speaks of the patient whose order it names: by number, then name, birth date, sex."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ris.patients.matching import Comparison, Fit, Traits, fold
from ris.patients.models import Identifier, Patient
from ris.patients.selectors import survivor
from ris.patients.services import find_doubt, traits_known

SHORTEST_CUT = 3
"""A family name that was cut to fit a device keeps at least so many letters; fewer say nothing."""


@dataclass(frozen=True, slots=True)
class DescribedPatient:
    """A patient as a device or an archive describes them. Empty: not said."""

    number: str = ""
    """(0010,0020)."""
    issuer: str = ""
    """(0010,0021)."""
    traits: Traits = field(default_factory=Traits)


@dataclass(frozen=True, slots=True)
class PatientDoubt:
    """What speaks against a described patient being the one of an order."""

    is_number_foreign: bool
    """The number is none of the patient's."""
    comparison: Comparison | None
    """Of name, birth date and sex, where they are in doubt."""

    @property
    def words(self) -> list[str]:
        """For a person; empty: nothing that was said speaks against it."""
        doubts = ["another patient number"] if self.is_number_foreign else []
        if self.comparison is not None:
            traits = ["name" if self.comparison.name is Fit.NEAR else "", *self.comparison.differing]
            doubts += [f"another {word}" for word in dict.fromkeys(filter(None, traits))] or [
                "a person described otherwise"
            ]
        return doubts


def compare_described(described: DescribedPatient, patient: Patient) -> PatientDoubt:
    """What speaks against this being the patient.

    Every number of the patient counts as theirs, also those that were given up in a merge. A description that a person
    has said to be theirs is in doubt no more.
    """
    living = survivor(patient)
    traits = _unmask(described.traits, living)
    comparison = find_doubt(living, traits)
    # The comparison takes a cut name for another one, though the device only had no room for it.
    if comparison is not None and _is_cut(traits_known(living), traits, comparison):
        comparison = None
    return PatientDoubt(not _is_number_of(described, living), comparison)


def _unmask(traits: Traits, patient: Patient) -> Traits:
    """The patient's own name where a device says the alias that the worklist gave it."""
    family, _, given = patient.alias.partition("^")
    if not family or (fold(traits.family).strip(), fold(traits.given).strip()) != (fold(family), fold(given)):
        return traits
    known = traits_known(patient)
    return replace(traits, family=known.family, given=known.given)


def find_patient_doubts(described: DescribedPatient, patient: Patient) -> list[str]:
    """Why this may not be the patient, in words for a person; empty: nothing that was said speaks against it."""
    return compare_described(described, patient).words


def _is_number_of(described: DescribedPatient, patient: Patient) -> bool:
    if not described.number:
        return True
    number = _normalize(described.number)
    authorities = [row.authority for row in patient.identifiers.all() if _normalize(row.value) == number]
    if not authorities or not described.issuer or described.issuer in authorities:
        return bool(authorities)
    # Devices put odd words into the issuer. It counts where it names somebody else who has this number from there.
    other = Identifier.objects.filter(value=described.number, authority=described.issuer).exclude(patient=patient)
    return not other.exists()


def _normalize(number: str) -> str:
    """As devices change it: blanks and leading zeros lost, letters in upper case."""
    return number.strip().upper().lstrip("0")


def _is_cut(known: Traits, described: Traits, comparison: Comparison) -> bool:
    """Whether the names differ only because a device cut them, and nothing else that was said differs."""
    if Fit.OTHER in (comparison.birth_date, comparison.sex):
        return False
    shorter_family, longer_family = sorted((fold(known.family).strip(), fold(described.family).strip()), key=len)
    shorter_given, longer_given = sorted((fold(known.given).strip(), fold(described.given).strip()), key=len)
    is_family_cut = len(shorter_family) >= SHORTEST_CUT and longer_family.startswith(shorter_family)
    return is_family_cut and longer_given.startswith(shorter_given)
