"""Dates and counts of other systems that cannot be: read as an open end, or as nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from pydicom.dataset import Dataset

from interfaces.dicom.mwl import date_matching
from interfaces.dicom.scu.query_retrieve import _parse_study


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("dates", ["20260310-99991231", "00010101-20260310", "00010101-99991231", "00000000-²"])
def test_the_ends_of_a_range_can_be_told_in_utc(dates: str, zone: str) -> None:
    for bound in date_matching.build_interval(dates, "", ZoneInfo(zone)).values():
        assert isinstance(bound, datetime) and bound.astimezone(UTC)


@pytest.mark.parametrize("count", ["n/a", "²", "9" * 12, "", None])
def test_a_count_of_images_that_is_none_counts_as_none(count: str | None) -> None:
    element = {"vr": "IS"} if count is None else {"vr": "LO", "Value": [count]}
    answer = Dataset.from_json({"0020000D": {"vr": "UI", "Value": ["1.2.3"]}, "00201208": element})
    assert (_parse_study(answer).uid, _parse_study(answer).instances) == ("1.2.3", 0)
