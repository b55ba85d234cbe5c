"""Which procedures are meant, where a message names some and others stand: a pure function."""

from __future__ import annotations

from collections.abc import Sequence

from .statements import Procedure


def pair(standing: Sequence[Procedure], named: Sequence[Procedure]) -> list[int | None]:
    """Return for each procedure that is named which standing one is meant; None: another one.

    By number, by Study UID, by code and side, by code; then the only one left, where as many are named as stand.
    Numbers that differ are of different procedures. Each standing procedure is meant once.
    """
    meant: list[int | None] = [None] * len(named)
    free = set(range(len(standing)))
    for alike in (_same_number, _same_study, _same_exam, _same_code):
        for position, procedure in enumerate(named):
            if meant[position] is not None:
                continue
            index = next((n for n in sorted(free) if alike(standing[n], procedure)), None)
            if index is not None:
                meant[position] = index
                free.discard(index)
    left = [position for position, index in enumerate(meant) if index is None]
    if len(standing) == len(named) and len(left) == 1 == len(free):
        (index,) = free
        if not _conflict(standing[index], named[left[0]]):
            meant[left[0]] = index
    return meant


def _same_number(standing: Procedure, named: Procedure) -> bool:
    return bool(named.number) and standing.number == named.number


def _same_study(standing: Procedure, named: Procedure) -> bool:
    return bool(named.study_uid) and standing.study_uid == named.study_uid and not _conflict(standing, named)


def _same_exam(standing: Procedure, named: Procedure) -> bool:
    return _same_code(standing, named) and standing.laterality == named.laterality


def _same_code(standing: Procedure, named: Procedure) -> bool:
    """The codes are one. Two sides that are both said and differ are two exams."""
    if standing.code is None or named.code is None or _conflict(standing, named):
        return False
    sides = {standing.laterality, named.laterality} - {""}
    return standing.code.value.upper() == named.code.value.upper() and len(sides) < 2


def _conflict(standing: Procedure, named: Procedure) -> bool:
    """Whether both have numbers, and these differ."""
    return bool(standing.number and named.number and standing.number != named.number)
