"""What an archive's descriptions mean to the rules of relevance."""

from __future__ import annotations

from datetime import date

import pytest

from interfaces.dicom.prefetch.study_description import describe_study, find_region, find_side
from interfaces.dicom.scu.query_retrieve import FoundStudy


@pytest.mark.parametrize(
    ("description", "region"),
    [
        ("CT HEAD WITHOUT CONTRAST", "HEAD"),
        ("MR_C-SPINE", "CSPINE"),
        ("XR^CHEST^2 VIEWS", "CHEST"),
        ("Mammogram bilateral", "BREAST"),
        ("CT abd/pelvis", "ABDOMEN"),
        ("Headache clinic", ""),
        ("", ""),
    ],
)
def test_the_first_region_that_is_named_counts(description: str, region: str) -> None:
    assert find_region(description) == region


@pytest.mark.parametrize(
    ("description", "side"), [("XR KNEE LT", "L"), ("Right hand", "R"), ("Knees left and right", ""), ("CT HEAD", "")]
)
def test_a_side_is_read_unless_both_are_named(description: str, side: str) -> None:
    assert find_side(description) == side


def test_a_study_is_told_by_its_images_and_a_mammogram_shows_the_breast() -> None:
    study = FoundStudy("1.2.3", date(2024, 5, 1), "SCREENING", ("SR", "MG"), 5)
    told = describe_study(study)
    assert (told.study_uid, told.day, told.modality, told.region) == ("1.2.3", date(2024, 5, 1), "MG", "BREAST")
