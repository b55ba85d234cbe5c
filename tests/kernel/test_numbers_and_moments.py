from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from ris.kernel.errors import Invalid
from ris.kernel.values import MOST_ID, day_or_none, id_or_none, number_or_none, read_id, read_moment, read_number


@pytest.mark.parametrize("text", ["1", " 7 ", 12, "007", str(MOST_ID)])
def test_an_id_is_a_whole_number_above_nothing_in_ascii_digits(text: object) -> None:
    assert read_id(text, at="site") == id_or_none(text) == int(str(text))


NO_IDS = [
    "",
    "0",
    "-1",
    "+1",
    "1.0",
    "1e3",
    "²",
    "٣",
    "１",
    "1_0",
    "1\n",
    "a",
    None,
    True,
    str(MOST_ID + 1),
    "9" * 5000,
]


@pytest.mark.parametrize("text", NO_IDS)
def test_what_is_no_id_is_refused_with_the_name_of_its_field(text: object) -> None:
    assert id_or_none(text) is None
    with pytest.raises(Invalid) as refusal:
        read_id(text, at="site")
    assert refusal.value.at == "site" and "digits" in refusal.value.detail


def test_a_number_has_bounds_that_are_said() -> None:
    assert read_number("0", at="revision") == 0
    assert number_or_none("60", least=1, most=60) == 60
    with pytest.raises(Invalid, match=r"minutes: A whole number from 1 to 60 is wanted"):
        read_number("61", at="minutes", least=1, most=60)


def test_a_moment_is_aware_and_in_a_possible_year() -> None:
    assert read_moment("2026-03-10T12:00", at="at") == datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert read_moment("2026-03-10T12:00-05:00", at="at") == datetime(2026, 3, 10, 17, tzinfo=UTC)
    for text in (
        "",
        "soon",
        "0001-01-01T00:00Z",
        "9999-12-31T23:59-12:00",
        "2026-02-31T12:00",
        "2026-03-10T12:00+99:99",
    ):
        with pytest.raises(Invalid) as refusal:
            read_moment(text, at="until")
        assert refusal.value.at == "until"


def test_a_day_is_in_a_possible_year_or_none() -> None:
    assert day_or_none("2026-03-10") == date(2026, 3, 10)
    for text in ("", "soon", "0001-01-01", "9999-12-31", "2026-02-31"):
        assert day_or_none(text) is None
