from __future__ import annotations

import pytest

from reporting.checks import Text, remarks

pytestmark = pytest.mark.once


@pytest.mark.parametrize("impression", ["", " \n", "IMPRESSION:", " Conclusion :\n\n", "summary", ":"])
def test_a_heading_alone_is_no_impression(impression: str) -> None:
    assert [remark.check for remark in remarks(Text(impression=impression))] == ["impression missing"]


@pytest.mark.parametrize("impression", ["Normal.", "Impression: normal", "x" + "\n" * 9, "impressions", "::"])
def test_anything_else_is_one(impression: str) -> None:
    assert remarks(Text(impression=impression)) == []


def test_blank_lines_by_the_thousand_are_read_once() -> None:
    blank = " \n" * 20_000
    assert remarks(Text(impression=f"{blank}Normal.{blank}")) == []
    assert [remark.check for remark in remarks(Text(impression=blank))] == ["impression missing"]
    assert remarks(Text(impression=f"Summary{blank}:{blank}x")) == []
