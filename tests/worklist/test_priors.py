"""Which priors are planned, and that plans are kept right."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ris.kernel.relay import deliver_owed
from tests.factories import NOON, PatientFactory
from tests.worklist.reading import make_item
from worklist import services
from worklist.models import PriorPlan
from worklist.rules.priors import MOST, Exam, relevant

TODAY = date(2026, 3, 10)


def exam(n: int, years: float, modality: str = "CT", region: str = "HEAD", procedure: str = "", side: str = "") -> Exam:
    return Exam(n, TODAY - timedelta(days=round(years * 365.25)), modality, region, procedure, side)


def chosen(new: Exam, *old: Exam, cited: frozenset[int] = frozenset()) -> list[int]:
    return [prior.id for prior in relevant(new, old, cited=cited)]


def test_the_best_are_taken_and_what_is_unrelated_is_not() -> None:
    new = exam(0, 0)
    related = [exam(n, n / 2) for n in range(1, 9)]
    assert chosen(new, *related, exam(9, 0.1, region="KNEE")) == list(range(1, MOST + 1))


def test_an_adjacent_region_and_a_comparable_modality_count_for_less() -> None:
    new = exam(0, 0, region="LSPINE", modality="MR")
    assert chosen(new, exam(1, 1, "CT", "ABDOMEN"), exam(2, 1, "MR", "LSPINE")) == [2, 1]


def test_the_other_side_comes_behind_and_is_never_the_same_procedure() -> None:
    new = exam(0, 0, "XR", "KNEE", "XRKNEE", side="L")
    other, same = exam(1, 1, "XR", "KNEE", "XRKNEE", side="R"), exam(2, 1, "XR", "KNEE", "XRKNEE", side="L")
    assert chosen(new, other, same) == [2, 1]
    assert chosen(new, exam(1, 9, "XR", "KNEE", "XRKNEE", side="R")) == []


def test_the_latest_of_the_same_procedure_is_always_taken() -> None:
    assert chosen(exam(0, 0, procedure="A"), exam(1, 15, procedure="A")) == [1]


def test_the_oldest_mammogram_is_the_baseline() -> None:
    films = [exam(n, n * 2, "MG", "BREAST") for n in range(1, 7)]
    assert [p.id for p in relevant(exam(0, 0, "MG", "BREAST"), films, most=3)] == [1, 2, 3, 6]


def test_old_ultrasound_is_not_fetched() -> None:
    assert chosen(exam(0, 0, "US", "ABDOMEN"), exam(1, 2.5, "US", "ABDOMEN"), exam(2, 1, "US", "ABDOMEN")) == [2]


def test_what_the_last_report_cites_is_fetched_wherever_it_shows() -> None:
    assert chosen(exam(0, 0), exam(1, 6, "XR", "KNEE"), cited=frozenset([1])) == [1]


@pytest.mark.django_db
def test_priors_are_planned_with_the_order_and_checked_again_idempotently() -> None:
    patient = PatientFactory()
    old = [make_item(patient=patient, at=NOON - timedelta(days=100 * n)) for n in range(1, 6)]
    new = make_item(patient=patient)
    deliver_owed(at=NOON + timedelta(hours=1))
    plans = PriorPlan.objects.filter(procedure=new.procedure, state="planned").order_by("-score")
    assert [plan.prior_id for plan in plans] == [item.procedure_id for item in old]
    again = services.plan_priors(new.procedure_id, at=NOON + timedelta(hours=2))
    assert [plan.pk for plan in again] == [plan.pk for plan in plans]
    assert services.note_fetched(again[0].pk, ok=True, at=NOON)
    assert not services.note_fetched(again[0].pk, ok=True, at=NOON)
