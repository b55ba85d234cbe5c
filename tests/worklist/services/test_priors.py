"""Which priors are planned, and that plans are kept right."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ris.kernel.relay import deliver_owed
from ris.orders.intents import Code, OrderIntent, ProcedureIntent
from ris.orders.services import arrive, cancel_order, cancel_procedure, revise_order
from tests.factories import NOON, TESTER, PatientFactory, make_order
from tests.worklist.reading import make_item, other_procedure
from worklist import services
from worklist.models import PriorPlan, RuleSet
from worklist.rules.priors import MOST, Exam, relevant
from worklist.services.priors import Earlier

TODAY = date(2026, 3, 10)


def exam(n: int, years: float, modality: str = "CT", region: str = "HEAD", procedure: str = "", side: str = "") -> Exam:
    return Exam(n, TODAY - timedelta(days=round(years * 365.25)), modality, region, procedure, side)


def chosen(new: Exam, *old: Exam, cited: frozenset[int] = frozenset()) -> list[int]:
    return [prior.id for prior in relevant(new, old, cited=cited)]


def test_what_scores_above_the_bar_is_taken_and_what_is_unrelated_is_not() -> None:
    new = exam(0, 0)
    related = [exam(n, n) for n in range(1, 14)]  # 7 points, halved every two years: under 0.3 after nine
    assert chosen(new, *related, exam(20, 0.1, region="KNEE")) == list(range(1, 10))


def test_of_many_the_best_dozen_are_taken() -> None:
    assert chosen(exam(0, 0), *(exam(n, n / 4) for n in range(1, 30))) == list(range(1, MOST + 1))


@pytest.mark.parametrize(
    ("modality", "region", "old_modality", "old_region", "counts"),
    [
        ("XR", "CHEST", "CT", "ABDOMEN", True),
        ("CT", "ABDOMEN", "XR", "CHEST", False),
        ("CT", "CHEST", "US", "ABDOMEN", False),
        ("XR", "HAND", "XR", "WRIST", True),
        ("XR", "PELVIS", "XR", "HIP", True),
    ],
)
def test_a_neighbouring_region_counts_where_the_earlier_exam_shows_it(
    modality: str, region: str, old_modality: str, old_region: str, counts: bool
) -> None:
    assert chosen(exam(0, 0, modality, region), exam(1, 0.5, old_modality, old_region)) == ([1] if counts else [])


def test_the_latest_that_shows_the_same_region_and_side_is_always_taken() -> None:
    new = exam(0, 0, "CT", "KNEE", side="L")
    assert chosen(new, exam(1, 25, "XR", "KNEE", side="L"), exam(2, 20, "XR", "KNEE", side="R")) == [1]


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
    assert services.note_fetched(again[0].study_uid, ok=True, at=NOON) >= 1
    assert services.note_fetched(again[0].study_uid, ok=False, at=NOON) == 0
    assert PriorPlan.objects.get(pk=again[0].pk).state == PriorPlan.FETCHED


def in_archive(uid: str, day: date | None = TODAY, region: str = "HEAD") -> Earlier:
    return Earlier(uid, day, "CT", region, description=f"CT {region}")


def uids(plans: list[PriorPlan]) -> list[str]:
    return [plan.study_uid for plan in plans]


@pytest.mark.django_db
def test_studies_that_only_archives_know_are_planned_among_those_known_here() -> None:
    patient = PatientFactory()
    ours = make_item(patient=patient, at=NOON - timedelta(days=400)).procedure
    new = make_item(patient=patient).procedure
    found = [in_archive("1.2.3"), in_archive("1.2.4", region="KNEE"), in_archive(new.study_uid)]
    plans = services.plan_priors(new.pk, at=NOON, found=found)
    assert uids(plans) == ["1.2.3", ours.study_uid]
    assert [plan.prior_id for plan in plans] == [None, ours.pk]
    assert plans[0].description == "CT HEAD"


@pytest.mark.django_db
def test_what_one_archive_had_is_still_considered_when_another_is_searched() -> None:
    new = make_item().procedure
    services.plan_priors(new.pk, at=NOON, found=[in_archive("1.2.3")])
    assert set(uids(services.plan_priors(new.pk, at=NOON, found=[in_archive("1.2.4")]))) == {"1.2.3", "1.2.4"}
    assert set(uids(services.plan_priors(new.pk, at=NOON))) == {"1.2.3", "1.2.4"}


@pytest.mark.django_db
def test_a_study_that_was_ordered_here_is_taken_at_its_orders_word() -> None:
    patient = PatientFactory()
    known = make_order(patient=patient, at=NOON - timedelta(days=30)).procedures.get()  # a CT head, images not known of
    new = make_item(patient=patient).procedure
    (plan,) = services.plan_priors(new.pk, at=NOON, found=[in_archive(known.study_uid, region="KNEE")])
    assert (plan.prior_id, plan.region, plan.reasons[0]) == (known.pk, "HEAD", "same region")


@pytest.mark.django_db
def test_a_study_whose_date_cannot_be_read_is_fetched_only_where_it_is_all_there_is_of_the_region() -> None:
    new = make_item().procedure
    assert uids(services.plan_priors(new.pk, at=NOON, found=[in_archive("1.2.3", day=None)])) == ["1.2.3"]
    assert uids(services.plan_priors(new.pk, at=NOON, found=[in_archive("1.2.4")])) == ["1.2.4"]


@pytest.mark.django_db
def test_a_rule_says_how_many_of_the_archives_too() -> None:
    rules = [{"name": "Few", "when": {"modality": "CT"}, "then": {"prefetch": 2}}]
    RuleSet.objects.create(number=1, state="live", rules=rules, made_at=NOON, in_force_from=NOON - timedelta(days=1))
    new = make_item().procedure
    found = [in_archive(f"1.2.{n}", TODAY - timedelta(days=n)) for n in range(1, 6)]
    assert uids(services.plan_priors(new.pk, at=NOON, found=found)) == ["1.2.1", "1.2.2"]


@pytest.mark.django_db
def test_what_could_not_be_fetched_is_planned_again_while_it_is_worth_it_and_what_was_fetched_is_not() -> None:
    new = make_item().procedure
    found = [in_archive("1.2.3"), in_archive("1.2.4")]
    services.plan_priors(new.pk, at=NOON, found=found)
    services.note_fetched("1.2.3", ok=False, at=NOON)
    services.note_fetched("1.2.4", ok=True, at=NOON)
    assert uids(services.plan_priors(new.pk, at=NOON, found=found)) == ["1.2.3"]


@pytest.mark.django_db
def test_what_was_at_hand_for_the_last_exam_counts_for_the_next() -> None:
    patient = PatientFactory()
    before = make_item(patient=patient, at=NOON - timedelta(days=9)).procedure
    services.plan_priors(before.pk, at=NOON - timedelta(days=9), found=[in_archive("1.2.3"), in_archive("1.2.4")])
    services.note_fetched("1.2.4", ok=True, at=NOON)
    new = make_item(patient=patient).procedure
    plans = {plan.study_uid: plan for plan in services.plan_priors(new.pk, at=NOON, found=[in_archive("1.2.4")])}
    assert "cited in the last report" in plans["1.2.4"].reasons
    assert "cited in the last report" not in plans[before.study_uid].reasons


def states_of(procedure_id: int) -> list[str]:
    return sorted(PriorPlan.objects.filter(procedure=procedure_id).values_list("state", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize("whole", [True, False], ids=["the order", "one procedure of two"])
def test_plans_of_what_is_cancelled_are_cancelled_and_not_made_again(whole: bool) -> None:
    patient = PatientFactory()
    make_item(patient=patient, at=NOON - timedelta(days=30))
    more = () if whole else (ProcedureIntent(code=Code("CTCHEST", system="L")),)
    other_procedure("CTCHEST", "chest")
    order = make_order(patient=patient, procedures=(ProcedureIntent(code=Code("CTHEADWO", system="L")), *more))
    deliver_owed(at=NOON + timedelta(hours=1))
    procedure = order.procedures.get(code="CTHEADWO")
    assert states_of(procedure.pk) == ["planned"]
    if whole:
        cancel_order(order.pk, reason="double", actor=TESTER, at=NOON)
    else:
        cancel_procedure(procedure.pk, reason="double", actor=TESTER, at=NOON)
    for _ in range(2):
        deliver_owed(at=NOON + timedelta(hours=2))
        assert services.plan_priors(procedure.pk, at=NOON, found=[in_archive("1.2.3")]) == []
        assert states_of(procedure.pk) == ["cancelled"]


@pytest.mark.django_db
def test_another_procedure_or_side_is_planned_for_anew_when_the_order_is_revised() -> None:
    patient = PatientFactory()
    other_procedure("XRKNEE", "bone", modality="XR", body_region="KNEE")
    knees = {
        side: make_order(
            patient=patient,
            at=NOON - timedelta(days=400),
            procedures=(ProcedureIntent(code=Code("XRKNEE", system="L"), laterality=side),),
        ).procedures.get()
        for side in "LR"
    }
    for knee in knees.values():
        services.open_item(knee.pk, at=NOON - timedelta(days=1500))
    head = make_item(patient=patient, at=NOON - timedelta(days=30)).procedure
    order = make_order(patient=patient)
    new = order.procedures.get()
    deliver_owed(at=NOON + timedelta(hours=1))

    def best() -> int | None:
        return new.prior_plans.filter(state=PriorPlan.PLANNED).order_by("-score").values_list("prior", flat=True)[0]

    assert best() == head.pk
    for side in "LR":
        said = ProcedureIntent(number=new.number, code=Code("XRKNEE", system="L"), laterality=side)
        intent = OrderIntent(site_id=order.site_id, patient_id=patient.pk, source="test", procedures=(said,))
        revise_order(order.pk, intent, actor=TESTER, at=NOON + timedelta(hours=2))
        deliver_owed(at=NOON + timedelta(hours=3))
        assert best() == knees[side].pk
    assert new.prior_plans.get(prior=head.pk).state == PriorPlan.DROPPED


@pytest.mark.django_db
def test_priors_are_looked_at_again_at_arrival() -> None:
    patient = PatientFactory()
    order = make_order(patient=patient)
    deliver_owed(at=NOON)
    late = make_item(patient=patient, at=NOON + timedelta(hours=1)).procedure  # done after the order was placed
    arrive(order.procedures.get().steps.get().pk, actor=TESTER, at=NOON + timedelta(hours=2))
    deliver_owed(at=NOON + timedelta(hours=3))
    assert [plan.prior_id for plan in order.procedures.get().prior_plans.filter(state="planned")] == [late.pk]
