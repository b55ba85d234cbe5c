"""Patterns from outside fit what DICOM says they fit, and cost a reading of the text, whatever they are."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from ris.orders.mwl.clauses import Wildcard
from ris.orders.mwl.sql import match_text

HOSTILE = ["*?" * 10 + "QQ", "*?" * 500 + "QQ", "*a" * 300 + "*b", "*" * 1000 + "b", "?*" * 300 + "a?b", "*a?" * 300]


def fits(pattern: str, text: str) -> bool:
    """The definition (PS3.4 C.2.2.2.4), as plain as it can be said."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits(pattern[1:], text[n:]) for n in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and fits(pattern[1:], text[1:])


class Counted:
    """A text that counts how many of its characters were read."""

    def __init__(self, text: str) -> None:
        self.text, self.read = text, 0

    def __iter__(self) -> Iterator[str]:
        for character in self.text:
            self.read += 1
            yield character


@given(st.text("ab*?", max_size=7), st.text("ab", max_size=7))
def test_a_pattern_fits_what_the_standard_says(pattern: str, text: str) -> None:
    assert Wildcard(pattern).fits(text) is fits(pattern, text)


@given(st.text("a.^[]()\\+*?é\n", max_size=6), st.text("a.^[]()\\+é\n", max_size=6))
def test_only_star_and_question_mark_are_special(pattern: str, text: str) -> None:
    assert Wildcard(pattern).fits(text) is fits(pattern, text)


@given(st.text("ab*?"), st.text("ab"))
def test_no_character_is_read_twice(pattern: str, text: str) -> None:
    counted = Counted(text)
    Wildcard(pattern).fits(counted)
    assert counted.read <= len(text)


@pytest.mark.parametrize("pattern", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_pattern_costs_one_reading_too(pattern: str) -> None:
    counted = Counted("a" * 5000)
    Wildcard(pattern).fits(counted)
    assert counted.read <= 5000


@pytest.mark.django_db
def test_the_database_fits_the_same_patterns() -> None:
    dice = random.Random(7)
    for _ in range(600):
        pattern = "".join(dice.choices("ab*?*?%_[]\\^-é", k=dice.randint(1, 6)))
        text = "".join(dice.choices("ab%_[]\\^-é", k=dice.randint(0, 6)))
        clause = match_text("t.v", pattern)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM (SELECT CAST(%s AS text) AS v) t WHERE {clause.sql}", [text, *clause.params])
            assert (cursor.fetchone() is not None) is Wildcard(pattern).fits(text), (pattern, text)


@pytest.mark.django_db
@pytest.mark.parametrize("pattern", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_pattern_is_answered_by_the_database(pattern: str) -> None:
    clause = match_text("t.v", pattern)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM (SELECT CAST(%s AS text) AS v) t WHERE {clause.sql}", ["a" * 64, *clause.params])
        assert (cursor.fetchone() is not None) is Wildcard(pattern).fits("a" * 64)
