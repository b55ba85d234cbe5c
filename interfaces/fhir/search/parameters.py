"""Kinds of search parameters, and the condition that each makes of a value (R4 search, 3.1.1.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db.models import Q

from ris.kernel.errors import Invalid
from ris.kernel.values import id_or_none
from ris.patients.matching import fold
from ris.people.models import User

from .dates import date_condition

NOBODY = Q(pk__in=())
"""Fits no row."""
ANYBODY = ~NOBODY
"""Fits every row; an empty Q would vanish in an OR."""


@dataclass(frozen=True, slots=True)
class Term:
    """One value of a parameter: ``patient.identifier=A|1,A|2`` has two. ``at`` names the parameter in refusals."""

    text: str
    at: str
    viewer: User
    modifier: str = ""

    def token(self) -> tuple[str | None, str]:
        """System and code of ``system|code``; None where no system was said, "" where it was said to be none."""
        system, bar, code = self.text.partition("|")
        return (system, code) if bar else (None, system)


Clause = Callable[[Term], Q]


@dataclass(frozen=True, kw_only=True)
class SearchParameter:
    """A parameter of one resource type: what it is called, and the rows that a value of it fits.

    ``missing`` fits the rows that have no value (None: ``:missing`` is not offered). ``targets`` and ``path``: of a
    reference, the types that it may point to, and the element of the resource that holds it.
    """

    name: str
    type: str
    clause: Clause
    modifiers: frozenset[str] = frozenset()
    missing: Q | None = None
    targets: tuple[str, ...] = ()
    path: str = ""
    column: str = ""


def id_parameter() -> SearchParameter:
    """``_id``: the logical id."""
    return SearchParameter(name="_id", type="token", clause=lambda term: _pk("pk", term.text))


def _pk(column: str, text: str) -> Q:
    pk = id_or_none(text)
    return NOBODY if pk is None else Q(**{column: pk})


def token_parameter(name: str, clause: Clause, *, missing: Q | None = None) -> SearchParameter:
    """A token whose condition the caller makes of ``term.token()``."""
    return SearchParameter(name=name, type="token", clause=clause, modifiers=frozenset({"not"}), missing=missing)


def choice_parameter(
    name: str, choices: Mapping[str, Q], *, systems: tuple[str, ...] = (), is_closed: bool = False
) -> SearchParameter:
    """A token with few codes: code → rows. Another code fits no row; if ``is_closed`` it is refused as a slip."""

    def clause(term: Term) -> Q:
        system, code = term.token()
        if is_closed and code not in choices:
            raise Invalid(f"The codes are: {', '.join(choices)}.", at=term.at)
        return NOBODY if system and systems and system not in systems else choices.get(code, NOBODY)

    return token_parameter(name, clause)


def column_token(
    name: str, column: str, *, codes: Mapping[str, str] | None = None, missing: bool = False
) -> SearchParameter:
    """A token that is kept in a column; ``codes``: code → value of the column, where they differ."""

    def clause(term: Term) -> Q:
        _, code = term.token()
        if codes is None:
            return Q(**{column: code})
        return Q(**{column: codes[code]}) if code in codes else NOBODY

    return token_parameter(name, clause, missing=Q(**{column: ""}) if missing else None)


def string_parameter(name: str, *columns: str, folded: str = "") -> SearchParameter:
    """A string: begins with it, whatever the case; ``:contains`` and ``:exact`` as R4 says.

    ``folded`` names a column that holds words without case and accents, separated by ``^`` and blanks: it is
    searched where the whole value need not be exact.
    """

    def clause(term: Term) -> Q:
        if term.modifier == "exact":
            return _any(columns, "exact", term.text)
        if folded:
            return _folded(folded, term)
        return _any(columns, "icontains" if term.modifier == "contains" else "istartswith", term.text)

    return SearchParameter(name=name, type="string", clause=clause, modifiers=frozenset({"exact", "contains"}))


def _folded(column: str, term: Term) -> Q:
    """Each word of the value begins a word of the column; with ``:contains`` it stands anywhere in it."""
    found = Q()
    for word in fold(term.text).split():
        if term.modifier == "contains":
            found &= Q(**{f"{column}__contains": word})
        else:
            begins = Q(**{f"{column}__startswith": word})
            found &= begins | Q(**{f"{column}__contains": f"^{word}"}) | Q(**{f"{column}__contains": f" {word}"})
    return found if found else NOBODY


def _any(columns: tuple[str, ...], lookup: str, text: str) -> Q:
    found = Q()
    for column in columns:
        found |= Q(**{f"{column}__{lookup}": text})
    return found


def date_parameter(name: str, column: str, *, is_day: bool = False, nullable: bool = False) -> SearchParameter:
    """A date with the prefixes of :mod:`.dates`."""
    return SearchParameter(
        name=name,
        type="date",
        clause=lambda term: date_condition(column, term.text, at=term.at, is_day=is_day),
        missing=Q(**{f"{column}__isnull": True}) if nullable else None,
        column=column,
    )


def reference_parameter(
    name: str,
    column: str,
    *targets: str,
    path: str,
    nullable: bool = False,
    resolve: Callable[[int], int] | None = None,
) -> SearchParameter:
    """A reference kept as a foreign key in ``column``: ``12``, ``Patient/12``, or an address that ends so.

    ``resolve``: what an id lives on as, such as that of a merged patient. Chains (``patient.identifier``) are made of
    the target's own parameters, narrowed to what the viewer may see.
    """

    def clause(term: Term) -> Q:
        *_, kind, text = ("", *term.text.rstrip("/").split("/"))
        wanted = kind or term.modifier
        if wanted and wanted not in targets:
            return NOBODY
        pk = id_or_none(text)
        if pk is None:
            return NOBODY
        return Q(**{column: resolve(pk) if resolve else pk})

    return SearchParameter(
        name=name, type="reference", clause=clause, modifiers=frozenset(targets), targets=targets, path=path,
        column=column, missing=Q(**{f"{column}__isnull": True}) if nullable else None,
    )  # fmt: skip
