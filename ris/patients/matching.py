"""Whether two descriptions are of one person: same, unsure or another. Pure; every door asks it.

A number alone does not say who is meant: numbers are mistyped, reused and sent under the wrong authority. So wherever a
number names a patient, what else was said of the person is compared with what is known: name, birth date and sex.
``compare`` answers by one table (``VERDICTS``); what is not said never counts against anybody.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

MOST_LETTERS = 64
"""Of a name that are compared: bounds the work that a hostile name can cause."""

# fmt: off
PLACEHOLDERS = frozenset([
    "BABY", "BOY", "GIRL", "NEWBORN", "INFANT", "TWIN", "MALE", "FEMALE", "UNKNOWN", "UNBEKANNT", "UNK", "DOE", "NN",
    "N/N", "XX", "XXX", "TRAUMA", "ANONYMOUS", "NEUGEBORENES", "KIND", "SOHN", "TOCHTER",
])
# fmt: on
"""Words that stand where no name is known: a newborn before its name, somebody brought in unconscious."""


class Verdict(StrEnum):
    """What a comparison comes to."""

    SAME = "same"
    UNSURE = "unsure"
    ANOTHER = "another"


class Fit(StrEnum):
    """How one trait of two descriptions fits."""

    EQUAL = "equal"
    NEAR = "near"
    """A slip of typing, a former family name, an initial."""
    PART = "part"
    """Of a name, one half: the family name of twins and siblings."""
    UNKNOWN = "unknown"
    """One side does not say it."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is said of a person. Empty: not said. ``family`` and ``given`` in any alphabet; ``sex`` F, M, O or empty.

    ``ideographic`` is the name's group of that kind, components separated by ``^``. ``former_families`` are family
    names that the person had before (PID-5 of type M; never PID-6, which is the mother's).
    """

    family: str = ""
    given: str = ""
    ideographic: str = ""
    birth_date: date | None = None
    sex: str = ""
    former_families: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A verdict and the traits that led to it, for the audit and for a person who decides."""

    verdict: Verdict
    name: Fit
    birth_date: Fit
    sex: Fit

    @property
    def differing(self) -> tuple[str, ...]:
        """The traits that do not fit, as words: ``name``, ``birth date``, ``sex``."""
        named = (("name", self.name), ("birth date", self.birth_date), ("sex", self.sex))
        return tuple(word for word, fit in named if fit in (Fit.OTHER, Fit.PART))


S, U, A = Verdict.SAME, Verdict.UNSURE, Verdict.ANOTHER

VERDICTS: dict[Fit, dict[Fit, Verdict]] = {
    # name         birth date: equal    near         unknown         other
    Fit.EQUAL: {Fit.EQUAL: S, Fit.NEAR: S, Fit.UNKNOWN: S, Fit.OTHER: U},
    Fit.NEAR: {Fit.EQUAL: S, Fit.NEAR: U, Fit.UNKNOWN: U, Fit.OTHER: A},
    Fit.PART: {Fit.EQUAL: U, Fit.NEAR: U, Fit.UNKNOWN: U, Fit.OTHER: A},
    Fit.UNKNOWN: {Fit.EQUAL: S, Fit.NEAR: U, Fit.UNKNOWN: S, Fit.OTHER: U},
    Fit.OTHER: {Fit.EQUAL: U, Fit.NEAR: A, Fit.UNKNOWN: U, Fit.OTHER: A},
}
"""Of two descriptions under one number, by name and birth date, where the sexes do not disagree."""

LOWERED = {S: U, U: A, A: A}
"""Where the sexes disagree the verdict is one lower: but name and birth date that are both equal stay the same person,
since a sex is corrected more often than two people share all three."""


def compare(known: Traits, said: Traits) -> Comparison:
    """Compare what is known of a patient with what was said under one of the patient's numbers. Symmetric."""
    name = compare_names(known, said)
    birth_date = compare_birth_dates(known.birth_date, said.birth_date)
    sex = compare_sexes(known.sex, said.sex)
    verdict = VERDICTS[name][birth_date]
    if sex is Fit.OTHER and (name, birth_date) != (Fit.EQUAL, Fit.EQUAL):
        verdict = LOWERED[verdict]
    return Comparison(verdict, name, birth_date, sex)


def compare_sexes(one: str, other: str) -> Fit:
    """Sexes; O (other) and empty disagree with nobody."""
    if one not in ("F", "M") or other not in ("F", "M"):
        return Fit.UNKNOWN
    return Fit.EQUAL if one == other else Fit.OTHER


def compare_birth_dates(one: date | None, other: date | None) -> Fit:
    """Birth dates. Near: one digit off, two neighbours or day and month swapped, or only the year known (1 January)."""
    if one is None or other is None:
        return Fit.UNKNOWN
    if one == other:
        return Fit.EQUAL
    if one.year == other.year and ((one.day, one.month) == (other.month, other.day) or _new_year(one, other)):
        return Fit.NEAR
    return Fit.NEAR if _one_slip(f"{one:%Y%m%d}", f"{other:%Y%m%d}") else Fit.OTHER


def compare_names(one: Traits, other: Traits) -> Fit:
    """Names in whichever alphabet both have; the alphabetic one decides where both have it."""
    alphabetic = _compare_groups(
        (_letters(one.family), _letters(one.given)), (_letters(other.family), _letters(other.given))
    )
    if alphabetic is Fit.PART or alphabetic is Fit.OTHER:
        former = {_letters(name) for name in (*one.former_families, *other.former_families)} - {""}
        if former & {_letters(one.family), _letters(other.family)} and _compare_given(
            _letters(one.given), _letters(other.given)
        ) in (Fit.EQUAL, Fit.NEAR):
            return Fit.NEAR
    if alphabetic is Fit.UNKNOWN and one.ideographic and other.ideographic:
        return Fit.EQUAL if _letters(one.ideographic) == _letters(other.ideographic) else Fit.OTHER
    return alphabetic


def _compare_groups(one: tuple[str, str], other: tuple[str, str]) -> Fit:
    """(family, given) of both. Swapped and run-together names are equal; one half is near or part of the other."""
    if not any(one) or not any(other):
        return Fit.UNKNOWN
    if sorted(_words(one)) == sorted(_words(other)) or "".join(one) == "".join(other):
        return Fit.EQUAL
    straight = _compare_halves(one, other)
    if straight in (Fit.EQUAL, Fit.NEAR):
        return straight
    return Fit.NEAR if all((*one, *other)) and _are_swapped(one, other) else straight


def _are_swapped(one: tuple[str, str], other: tuple[str, str]) -> bool:
    pairs = ((one[0], other[1]), (one[1], other[0]))
    return all(_compare_family(*pair) in (Fit.EQUAL, Fit.NEAR) for pair in pairs)


def _compare_halves(one: tuple[str, str], other: tuple[str, str]) -> Fit:
    family, given = _compare_family(one[0], other[0]), _compare_given(one[1], other[1])
    if Fit.OTHER not in (family, given):
        known = [fit for fit in (family, given) if fit is not Fit.UNKNOWN]
        if not known:
            return Fit.UNKNOWN
        if family is Fit.UNKNOWN:
            return Fit.UNKNOWN  # a given name alone says little
        return Fit.NEAR if Fit.NEAR in known else Fit.EQUAL
    if family is Fit.OTHER and given in (Fit.EQUAL, Fit.NEAR):
        return Fit.NEAR if given is Fit.EQUAL else Fit.PART  # a new family name: the birth date decides
    if given is Fit.OTHER and family in (Fit.EQUAL, Fit.NEAR):
        return Fit.PART  # twins, siblings, a middle name used as the first
    return Fit.OTHER


def _compare_family(one: str, other: str) -> Fit:
    if _is_unknown(one) or _is_unknown(other):
        return Fit.UNKNOWN
    if one == other:
        return Fit.EQUAL
    if one.replace(" ", "") == other.replace(" ", "") or set(one.split()) & set(other.split()) - _PARTICLES:
        return Fit.NEAR  # a double name and one half of it
    return Fit.NEAR if _one_slip(one, other) else Fit.OTHER


def _compare_given(one: str, other: str) -> Fit:
    if _is_unknown(one) or _is_unknown(other):
        return Fit.UNKNOWN
    if one == other:
        return Fit.EQUAL
    # Symmetric: which of the two was known and which was said does not count.
    short, long = sorted((one, other), key=len)
    if set(short.split()) <= set(long.split()):
        return Fit.EQUAL  # with and without the middle name
    if long.startswith(short):
        return Fit.NEAR  # an initial, or a short form
    return Fit.NEAR if _one_slip(one, other) else Fit.OTHER


# fmt: off
_PARTICLES = frozenset([
    "VAN", "VON", "DE", "DER", "DEN", "DU", "LA", "LE", "DA", "DI", "DOS", "EL", "AL", "BIN", "IBN", "MAC", "MC", "O",
    "ST",
])
# fmt: on
"""Of family names: two that share only these are two names."""


def _is_unknown(name: str) -> bool:
    words = name.split()
    return not words or words[0] in PLACEHOLDERS or all(word in PLACEHOLDERS for word in words)


def _letters(name: str) -> str:
    """Folded, and without the signs between its parts: ``O'Neil-Smith`` → ``ONEIL SMITH``."""
    folded = fold(name[:MOST_LETTERS])
    return " ".join("".join(c if c.isalnum() or c in " /" else ("" if c in "'’`." else " ") for c in folded).split())


def _words(halves: tuple[str, str]) -> list[str]:
    return " ".join(halves).split()


def _new_year(one: date, other: date) -> bool:
    return (1, 1) in ((one.month, one.day), (other.month, other.day))


def _one_slip(one: str, other: str) -> bool:
    """Whether one letter was mistyped, left out, added, or two neighbours swapped; in texts of four letters or more."""
    # Of shorter names one letter is too much: KIM and TIM are two.
    if min(len(one), len(other)) < 4 or abs(len(one) - len(other)) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[2:] == b[2:] and a[:2] == b[1::-1])


# NFKD does not take these apart into a letter and an accent.
_LETTERS = str.maketrans({"ß": "SS", "Ø": "O", "ø": "O", "Æ": "AE", "æ": "AE", "Ł": "L", "ł": "L", "Đ": "D", "đ": "D"})


def fold(text: str) -> str:
    """``"Müller  van  Dyk"`` → ``"MULLER VAN DYK"``. Scripts without case or accents pass unchanged."""
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).upper().split())


def search_name(family: str, given: str, middle: str, ideographic: str = "", phonetic: str = "") -> str:
    """What a name search looks at: ``FAMILY^GIVEN^MIDDLE``, then the other groups after ``=`` (PS3.5 6.2.1)."""
    groups = ["^".join(filter(None, [family, given, middle])), ideographic, phonetic]
    return "=".join(fold(group) for group in groups).rstrip("=")
