"""What is kept in memory of readers and roster is kept under a word that every change of them changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from guardian.shortcuts import assign_perm, remove_perm

from ris.catalog.models import Site
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory
from tests.worklist.reading import make_reader, make_shift
from worklist.change_stamps import STAMPS, Stamps, stamp_tables, stamps
from worklist.models import Holiday, Privilege, ReaderProfile, ShiftChange, Skill
from worklist.selectors.readers import readers_now

pytestmark = pytest.mark.django_db

READERS: dict[str, Callable[[User], object]] = {
    "is locked": lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
    "may do everything": lambda user: User.objects.filter(pk=user.pk).update(is_superuser=True),
    "gets a role": lambda user: user.groups.add(Group.objects.get_or_create(name=Role.RESIDENT.value)[0]),
    "loses a role": lambda user: user.groups.clear(),
    "gets a site": lambda user: assign_perm("catalog.work_at", user, SiteFactory(code="south")),
    "loses a site": lambda user: remove_perm("catalog.work_at", user, SiteFactory()),
    "a site's clock": lambda user: Site.objects.update(time_zone="Asia/Tokyo"),
    "a limit": lambda user: ReaderProfile.objects.update(most_claims=9),
    "a skill": lambda user: Skill.objects.update(level=Skill.SECONDARY),
    "a skill less": lambda user: Skill.objects.all().delete(),
    "a licence": lambda user: Privilege.objects.create(reader=user, site=SiteFactory(), valid_from=date(2026, 1, 1)),
}
ROSTER: dict[str, Callable[[User], object]] = {
    "a shift": lambda user: make_shift(user),
    "a shift's time": lambda user: user.shifts.update(rrule=""),
    "a shift's site": lambda user: user.shifts.get().sites.add(SiteFactory()),
    "a sick call": lambda user: ShiftChange.objects.create(
        shift=user.shifts.get(), day=NOON.date(), kind=ShiftChange.SICK, made_at=NOON
    ),
    "a holiday": lambda user: Holiday.objects.create(day=NOON.date(), name="Day"),
}


@pytest.mark.parametrize("what", READERS)
def test_whatever_changes_about_a_reader_changes_the_word(what: str) -> None:
    user = make_reader()
    before = stamps()
    READERS[what](user)
    after = stamps()
    assert after.readers != before.readers
    assert after.roster == before.roster


@pytest.mark.parametrize("what", ROSTER)
def test_whatever_changes_about_the_roster_changes_the_word(what: str) -> None:
    user = make_reader()
    before = stamps()
    ROSTER[what](user)
    after = stamps()
    assert after.roster != before.roster
    assert after.readers == before.readers


def test_a_log_in_changes_nothing() -> None:
    user, before = make_reader(), stamps()
    User.objects.filter(pk=user.pk).update(last_login=NOON, theme="dark")
    assert stamps() == before


def test_a_change_counts_at_once_for_whoever_asks_for_readers() -> None:
    user = make_reader()
    assert [r.can_sign for r in readers_now(NOON)] == [True]
    user.groups.set([Group.objects.get_or_create(name=Role.RESIDENT.value)[0]])
    assert [r.can_sign for r in readers_now(NOON)] == [False]


def test_triggers_that_went_with_an_altered_table_come_back_after_a_migration() -> None:
    on = " ON worklist_skill" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER worklist_skill_readers_insert{on}")
    stamp_tables(using="default")
    before = stamps()
    make_reader()
    assert stamps() != before
    assert isinstance(before, Stamps) and "worklist_skill" in STAMPS["readers"]
