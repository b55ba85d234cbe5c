"""What an impression recommends is offered as a row: what, where, when and on which condition; English and German."""

from __future__ import annotations

from datetime import date

import pytest

from reporting.followup.offers import add, offers_in, window_of

DAY = date(2026, 3, 10)
pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("sentence", "kind", "modality", "region", "earliest", "latest"),
    [
        ("Recommend follow-up chest CT in 6-12 months.", "exam", "CT", "CHEST", "2026-09-10", "2027-03-10"),
        ("MRI of the brain within 2 weeks is advised.", "exam", "MR", "HEAD", "2026-03-10", "2026-03-24"),
        ("Annual mammography is recommended.", "exam", "MG", "BREAST", "2027-03-10", "2027-03-10"),
        ("Ultrasound of the thyroid in one year is recommended", "exam", "US", "NECK", "2027-03-10", "2027-03-10"),
        ("Consider PET/CT.", "exam", "PT", "", "None", "None"),
        ("Biopsy is recommended.", "procedure", "", "", "None", "None"),
        ("Referral to the urology clinic is recommended.", "referral", "", "", "None", "None"),
        ("Verlaufskontrolle: CT Thorax in 3 Monaten empfohlen.", "exam", "CT", "CHEST", "2026-06-10", "2026-06-10"),
        ("MRT des Beckens binnen 4 Wochen empfohlen.", "exam", "MR", "PELVIS", "2026-03-10", "2026-04-07"),
    ],
)  # fmt: skip
def test_a_recommendation_is_offered(
    sentence: str, kind: str, modality: str, region: str, earliest: str, latest: str
) -> None:
    (offer,) = offers_in(f"1. A nodule of 8 mm. {sentence}", exam_day=DAY)
    found = (offer.kind, offer.modality, offer.region, str(offer.earliest), str(offer.latest))
    assert found == (kind, modality, region, earliest, latest) and offer.quote == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "No follow-up is recommended.", "No further imaging follow-up is necessary.", "Normal.",
        "Further evaluation with MRI is not recommended.", "Previously recommended MRI was not done.",
        "Clinical correlation is recommended.", "A 6 mm nodule, 3 months after surgery.",
        "Keine weitere Kontrolle empfohlen.", "",
    ],
)  # fmt: skip
def test_what_is_denied_past_or_vague_is_no_offer(sentence: str) -> None:
    assert offers_in(sentence, exam_day=DAY) == []


def test_a_condition_is_kept_apart_and_a_sentence_is_offered_once() -> None:
    text = "Follow-up CT in 3 months is recommended if the patient smokes, as said."
    (offer,) = offers_in(f"{text}\n{text}", exam_day=DAY)
    assert offer.condition == "if the patient smokes"
    assert len(offers_in("CT in 2 weeks is recommended. " * 4000, exam_day=DAY)) == 1, "huge"


def test_times_stay_within_what_a_calendar_holds() -> None:
    assert add(date(2026, 1, 31), 1, "months") == date(2026, 2, 28)
    assert window_of("in 999 years", DAY) == (date(2036, 3, 10), date(2036, 3, 10))
    assert window_of("in 12 to 6 months", DAY) == (date(2026, 9, 10), date(2027, 3, 10))
