"""Who may read what is said twice, in Python (explain, suggestions, claims) and in SQL (next case): they agree.

Drawn is all that the filters look at: sites, licences, skills narrowed by modality, region and age, shifts with
their scope and end, teams, signers, conflicts, orders of one's own, reservations, skills that rules ask for,
refusals, and both caps.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ris.catalog.models import Site, Subspecialty
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import SiteFactory, SubspecialtyFactory, make_user
from tests.worklist.reading import NOON, make_item, make_many, make_reader, make_shift
from worklist.models import Conflict, Privilege, ReaderProfile, ReadingItem, Skill, Skip
from worklist.rules.eligibility import ruled_out
from worklist.rules.score import CLASS_SLA
from worklist.selectors.case_facts import needs_of
from worklist.services.assignment import with_order
from worklist.services.next_case.probes import requester_now
from worklist.services.next_case.selection import FEW, best_heads, claim_best, question
from worklist.services.urgency.item_price import lane_columns

pytestmark = pytest.mark.django_db

CASES = 4
MODALITIES, REGIONS, TEAMS = ("CT", "MR"), ("HEAD", "CHEST"), ("", "blue", "red")
BIRTHS = (None, date(1940, 5, 1), date(2008, 2, 29), date(2021, 3, 10), date(2021, 3, 11), date(2026, 4, 1))
AGES = (None, 0, 5, 18, 3000)

few = st.sampled_from((False, False, False, True))
words = st.lists(st.sampled_from(MODALITIES), max_size=2, unique=True)


@dataclass(frozen=True)
class Kind:
    """A skill to be given to the reader."""

    pool: int
    level: int
    modalities: list[str]
    regions: list[str]
    youngest: int | None
    oldest: int | None


@dataclass(frozen=True)
class Case:
    """What is drawn of a case. Indexes are of the world's sites and pools."""

    site: int
    pool: int
    modality: str
    region: str
    born: date | None
    urgency: int
    reading_minutes: float
    age_minutes: int
    reach: int
    preliminary: str
    second_reader: bool
    reserved: str
    own_order: bool
    family: bool
    skipped: bool
    team: str
    team_minutes: int | None
    reopened: bool
    skill_needed: int


@dataclass(frozen=True)
class Who:
    """What is drawn of the reader."""

    sites: list[int]
    resident: bool
    team: str
    trainee: bool
    pace: float
    most_claims: int
    most_minutes: int
    shift_sites: list[int]
    shift_pools: list[int]
    shift_minutes: int
    licence: str
    held: int


kinds = st.builds(
    Kind, st.integers(0, 2), st.integers(1, 2), words, st.lists(st.sampled_from(REGIONS), max_size=1),
    st.sampled_from(AGES), st.sampled_from(AGES),
)  # fmt: skip
people = st.sampled_from(("", "", "", "reader", "other"))
ages_minutes = st.sampled_from((0, 40, 55, 200, 900))

cases = st.builds(
    Case, st.integers(0, 1), st.integers(-1, 2), st.sampled_from(MODALITIES), st.sampled_from(REGIONS),
    st.sampled_from(BIRTHS), st.integers(1, 5), st.sampled_from((1.0, 6.0, 25.0)), ages_minutes,
    st.integers(0, 2), people, few, people,
    few, few, few, st.sampled_from(TEAMS), st.sampled_from((None, None, -5, 20)), few,
    st.sampled_from((-1, -1, -1, 0, 1, 2)),
)  # fmt: skip
readers = st.builds(
    Who, st.lists(st.integers(0, 1), min_size=1, max_size=2, unique=True), few, st.sampled_from(TEAMS), few,
    st.sampled_from((0.8, 1.0, 1.5)), st.integers(1, 3), st.sampled_from((10, 30, 90)),
    st.lists(st.integers(0, 1), max_size=1), st.lists(st.integers(0, 2), max_size=2, unique=True),
    st.sampled_from((5, 20, 300)), st.sampled_from(("", "", "valid", "expired")), st.integers(0, 2),
)  # fmt: skip


@dataclass
class World:
    """Rows that every example starts from; what it changes of them is rolled back."""

    other: User
    sites: list[Site]
    pools: list[Subspecialty]
    items: list[ReadingItem]
    held: list[ReadingItem]


@pytest.fixture
def world() -> World:
    sites = [SiteFactory(), SiteFactory(code="south")]
    pools = [SubspecialtyFactory(code=code) for code in ("neuro", "chest", "bone")]
    items = [make_item() for _ in range(CASES)]  # each of a patient and an order of its own
    return World(make_reader("other", sites=tuple(sites)), sites, pools, items, make_many(2))


def add_reader(world: World, who: Who, skills: list[Kind]) -> User:
    sites = tuple(world.sites[n] for n in who.sites)
    reader = make_user("reader", Role.RESIDENT if who.resident else Role.RADIOLOGIST, sites=sites)
    ReaderProfile.objects.create(
        user=reader, team=who.team, trainee=who.trainee, pace=who.pace,
        most_claims=who.most_claims, most_minutes=who.most_minutes,
    )  # fmt: skip
    shift = make_shift(reader, end_time=(NOON + timedelta(minutes=who.shift_minutes)).time())
    shift.sites.set([world.sites[n] for n in who.shift_sites])
    shift.subspecialties.set([world.pools[n] for n in who.shift_pools])
    for kind in {(skill.pool, skill.level): skill for skill in skills}.values():
        Skill.objects.create(
            reader=reader, subspecialty=world.pools[kind.pool], level=kind.level, modalities=kind.modalities,
            regions=kind.regions, youngest=kind.youngest, oldest=kind.oldest,
        )  # fmt: skip
    if who.licence:
        until = date(2026, 12, 31) if who.licence == "valid" else date(2026, 3, 9)
        Privilege.objects.create(reader=reader, site=world.sites[0], valid_from=date(2026, 1, 1), valid_until=until)
    held = [item.pk for item in world.held[: who.held]]
    holding = {"state": "claimed", "lane": None, "turns_at": None, "reader": reader, "lease_until": NOON}
    ReadingItem.objects.filter(pk__in=held).update(**holding)
    return reader


def set_case(world: World, item: ReadingItem, case: Case, reader: User) -> None:
    people = {"": None, "reader": reader, "other": world.other}
    item = ReadingItem.objects.select_related("procedure__order__patient").get(pk=item.pk)
    order, patient = item.procedure.order, item.procedure.order.patient
    patient.birth_date = case.born
    patient.save()
    order.referrer = reader if case.own_order else None
    order.save()
    pool = world.pools[case.pool] if case.pool >= 0 else None
    item.site, item.subspecialty, item.pool = world.sites[case.site], pool, pool.pk if pool else 0
    item.modality, item.region, item.urgency = case.modality, case.region, case.urgency
    item.reading_minutes, item.reach, item.sla_minutes = case.reading_minutes, case.reach, CLASS_SLA[case.urgency]
    item.opened_at = NOON - timedelta(minutes=case.age_minutes)
    item.due_at = item.opened_at + timedelta(minutes=item.sla_minutes)
    item.preliminary_by, item.reserved_for = people[case.preliminary], people[case.reserved]
    item.state = "preliminary" if item.preliminary_by and not case.reopened else "unread"
    item.second_reader, item.team = case.second_reader, case.team
    item.skill_needed = world.pools[case.skill_needed] if case.skill_needed >= 0 else None
    item.team_until = None if case.team_minutes is None else NOON + timedelta(minutes=case.team_minutes)
    for name, value in lane_columns(item, NOON).items():
        setattr(item, name, value)
    item.save()
    if case.family:
        Conflict.objects.create(reader=reader, patient=patient)
    if case.skipped:
        Skip.objects.create(reader=reader, item=item, reason="known", at=NOON)


def allowed_by_rules(world: World, reader: User) -> set[int]:
    """Whoever asks is there, and those on call who ask are given it: the two filters that SQL does not have."""
    seen = requester_now(reader, NOON).reader
    found = set()
    for item in world.items:
        fresh = with_order(item.pk)
        assert fresh is not None
        if not set(ruled_out(seen, needs_of(fresh, NOON))) - {"on call"}:
            found.add(item.pk)
    return found


def allowed_by_sql(world: World, reader: User) -> set[int]:
    probes, values = question(requester_now(reader, NOON), NOON)
    heads = best_heads(probes, values, most=100, deep=100) if values["sites"] else []
    mine = {item.pk for item in world.items}
    return {pk for pk, _, against in heads if not against and pk in mine}


@given(who=readers, skills=st.lists(kinds, max_size=3), drawn=st.lists(cases, min_size=CASES, max_size=CASES))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_python_and_sql_let_the_same_reader_read_the_same_cases(
    world: World, who: Who, skills: list[Kind], drawn: list[Case]
) -> None:
    with transaction.atomic():
        reader = add_reader(world, who, skills)
        for item, case in zip(world.items, drawn, strict=True):
            set_case(world, item, case, reader)
        by_rules = allowed_by_rules(world, reader)
        by_sql = allowed_by_sql(world, reader)
        claimed = claim_best(*question(requester_now(reader, NOON), NOON), deep=FEW)
        transaction.set_rollback(True)
    full = who.held >= who.most_claims
    assert by_rules == (set() if full else by_sql)
    assert (claimed in by_rules) if by_rules else (claimed is None or claimed not in {i.pk for i in world.items})
