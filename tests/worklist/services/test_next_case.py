"""The next case: what the server chooses, and for whom."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ris.audit.services import Actor
from ris.kernel.errors import Conflict, Forbidden
from ris.orders.intents import Code, ProcedureIntent, StepIntent
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import PatientFactory, SiteFactory, make_user
from tests.worklist.reading import NOON, make_item, make_reader, make_shift, other_procedure
from worklist import services
from worklist.models import Conflict as TooClose
from worklist.models import Privilege, ReadingItem, Skill
from worklist.rules.policy import PRESET
from worklist.rules.score import score
from worklist.services.urgency.item_price import case_of

pytestmark = pytest.mark.django_db


def ask(reader: User, minutes: float = 0) -> ReadingItem | None:
    return services.next_case(reader, actor=Actor.of_user(reader), at=NOON + timedelta(minutes=minutes))


def chest(**order: object) -> ReadingItem:
    other_procedure("CTCHEST", "chest")
    wanted = (ProcedureIntent(code=Code("CTCHEST", system="L"), steps=(StepIntent(start=NOON),)),)
    return make_item(procedures=wanted, **order)


def test_stat_goes_first_whenever_it_came() -> None:
    reader, routine, stat = make_reader(), make_item(), make_item(priority="STAT")
    assert ask(reader) == stat
    assert ask(reader) == routine


def test_the_order_is_that_of_the_plain_score_at_every_moment() -> None:
    reader = make_reader(most_claims=50, most_minutes=9000)
    made = [
        make_item(at=NOON - timedelta(minutes=17 * n * n), priority=priority)
        for n, priority in enumerate(["STAT", "ROUTINE", "HIGH", "MEDIUM", "ROUTINE", "STAT", "HIGH"])
    ]
    for minutes in (0, 20, 45, 90, 300, 900, 2000):
        waiting = ReadingItem.objects.filter(pk__in=[i.pk for i in made], state="unread")
        at = NOON + timedelta(minutes=minutes)
        best = max(waiting, key=lambda item: score(case_of(item), at))
        assert ask(reader, minutes) == best


def test_without_any_skill_a_reader_is_given_a_case_only_once_it_presses() -> None:
    outsider, secondary = make_reader("outsider"), make_reader("secondary", secondary=("chest",))
    item = chest()  # routine: a day's time
    assert ask(outsider) is None
    assert ask(secondary) == item
    services.release(item.pk, reader=secondary, actor=Actor.job("t"), at=NOON)
    assert ask(outsider, 17 * 60) is None
    assert ask(outsider, 18 * 60 + 1) == item  # three quarters


def test_a_stat_case_is_for_everybody_from_half_of_its_time_on() -> None:
    outsider, item = make_reader("outsider"), chest(priority="STAT")
    assert ask(outsider, 29) is None
    assert ask(outsider, 31) == item


def test_a_reader_takes_their_primary_skill_first_unless_the_other_case_is_due_much_sooner() -> None:
    reader = make_reader(secondary=("chest",), most_claims=9)
    other_procedure("CTCHEST", "chest", reading_minutes=5)
    near = chest(at=NOON - timedelta(minutes=PRESET.off_skill - 1))
    own = make_item(at=NOON)
    pressing = chest(at=NOON - timedelta(minutes=PRESET.off_skill + 1))
    assert [ask(reader), ask(reader), ask(reader)] == [pressing, own, near]


def test_of_stat_cases_the_clearly_older_goes_first_whatever_the_skill() -> None:
    reader = make_reader(secondary=("chest",))
    other_procedure("CTCHEST", "chest", reading_minutes=5)
    older = chest(priority="STAT", at=NOON - timedelta(minutes=PRESET.off_skill_urgent + 1))
    make_item(priority="STAT", at=NOON)
    assert ask(reader) == older
    (decision,) = older.decisions.filter(kind="claimed")
    assert decision.body["terms"]["not their primary skill"] == -PRESET.off_skill_urgent / 40


def test_a_skill_can_be_narrowed_to_modalities() -> None:
    reader, item = make_reader(skills=()), make_item()
    skill = Skill.objects.create(reader=reader, subspecialty=item.subspecialty, modalities=["MR"])
    assert ask(reader) is None
    skill.modalities = ["MR", "CT"]
    skill.save()
    assert ask(reader) == item


@pytest.mark.parametrize(
    "born,youngest,oldest,given",
    [
        (date(2020, 3, 11), None, 5, True),  # five years old until tomorrow
        (date(2020, 3, 10), None, 5, False),
        (date(2008, 3, 10), 18, None, True),  # eighteen today
        (date(2008, 3, 11), 18, None, False),
        (None, 18, 90, True),
    ],
)
def test_a_skill_can_be_narrowed_to_ages(
    born: date | None, youngest: int | None, oldest: int | None, given: bool
) -> None:
    reader, item = make_reader(skills=()), make_item(patient=PatientFactory(birth_date=born))
    Skill.objects.create(reader=reader, subspecialty=item.subspecialty, youngest=youngest, oldest=oldest)
    assert ask(reader) == (item if given else None)


def test_words_of_a_skill_stay_words() -> None:
    reader, item = make_reader(skills=()), make_item()
    odd = ['X"},{"CT', "a\\b", "CT"]
    Skill.objects.create(reader=reader, subspecialty=item.subspecialty, modalities=odd)
    assert ask(reader) == item


def test_nobody_is_given_a_case_of_a_site_that_is_not_theirs() -> None:
    make_item()
    assert ask(make_reader(sites=(SiteFactory(code="south"),))) is None


def test_nothing_is_given_off_shift() -> None:
    reader = make_reader(on_shift=False)
    make_shift(make_reader("other"))
    make_item()
    with pytest.raises(Conflict) as refused:
        ask(reader)
    assert refused.value.code == "off-shift"


def test_a_house_without_a_roster_gives_to_everybody() -> None:
    reader, item = make_reader(on_shift=False), make_item()
    assert ask(reader) == item


def test_a_case_that_outlasts_the_shift_is_left_to_others_unless_it_is_critical() -> None:
    reader = make_reader(on_shift=False)
    make_shift(reader, start_time=time(8), end_time=time(12, 5))  # five minutes left, ten of overtime
    other_procedure("CTLONG", "neuro", reading_minutes=16)
    wanted = (ProcedureIntent(code=Code("CTLONG", system="L"), steps=(StepIntent(start=NOON),)),)
    item = make_item(procedures=wanted)
    assert ask(reader) is None
    ReadingItem.objects.filter(pk=item.pk).update(urgency=1)
    assert ask(reader) == item


def test_a_reserved_case_waits_for_its_reader() -> None:
    one, two, item = make_reader("one"), make_reader("two"), make_item()
    ReadingItem.objects.filter(pk=item.pk).update(reserved_for=one)
    assert ask(two) is None
    assert ask(one) == item


def test_a_suggested_case_goes_to_its_reader_before_an_equal_one() -> None:
    one, two = make_reader("one"), make_reader("two")
    first, second = make_item(), make_item()
    ReadingItem.objects.filter(pk=second.pk).update(assigned_to=one)
    assert ask(one) == second
    assert ask(two) == first


def test_nobody_reads_their_own_order_or_their_own_family() -> None:
    reader = make_reader()
    patient = PatientFactory()
    TooClose.objects.create(reader=reader, patient=patient)
    make_item(patient=patient)
    ordered = make_item()
    order = ordered.procedure.order
    order.referrer = reader
    order.save()
    assert ask(reader) is None


def test_a_licence_that_ran_out_counts_no_more() -> None:
    reader, item = make_reader(), make_item()
    privilege = Privilege.objects.create(
        reader=reader, site=item.site, kind="licence", valid_from=date(2026, 1, 1), valid_until=date(2026, 3, 9)
    )
    assert ask(reader) is None
    privilege.valid_until = NOON.date()
    privilege.save()
    assert ask(reader) == item


def test_a_preliminary_goes_to_someone_else_who_may_sign() -> None:
    resident, radiologist = make_reader("resident", role=Role.RESIDENT), make_reader("radiologist")
    item = ask(resident) if make_item() else None
    assert item is not None
    services.pass_to_signer(item.pk, reader=resident, actor=Actor.job("t"), at=NOON)
    assert ask(resident) is None
    assert ask(radiologist) == item


def test_those_who_do_not_read_are_refused() -> None:
    with pytest.raises(Forbidden):
        ask(make_user("tech", Role.TECHNOLOGIST, sites=(SiteFactory(),)))


def test_an_exam_that_nobody_knows_is_for_everybody() -> None:
    reader = make_reader()
    wanted = (ProcedureIntent(code=Code("NEVERSEEN", system="L"), modality="CT", steps=(StepIntent(start=NOON),)),)
    item = make_item(procedures=wanted)
    assert ask(reader) == item


def test_the_statement_takes_the_present_time_zone_as_it_comes() -> None:
    with timezone.override("Asia/Kolkata"):
        reader, item = make_reader(), make_item()
        taken = ask(reader)
    assert taken == item
    assert taken.claimed_at == NOON


def test_the_stamps_are_asked_for_once_a_call() -> None:
    reader, _, item = make_reader(), make_item(), make_item()
    ask(reader)
    with CaptureQueriesContext(connection) as asked:
        assert ask(reader) == item
    assert sum("worklist_stamp" in row["sql"] for row in asked) == 1
    assert any("state = 'claimed', version = version + 1" in row["sql"] for row in asked), "the claim is heard, too"
