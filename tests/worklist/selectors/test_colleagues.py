"""Whom a case can be handed over to: readers at the sites that the viewer sees, each once, by one query."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from guardian.shortcuts import assign_perm

from ris.people.models import User
from ris.people.roles import Role
from ris.people.selectors import read_permissions_once
from tests.factories import SiteFactory, make_user
from tests.worklist.reading import make_reader
from worklist.selectors.access import colleagues

pytestmark = pytest.mark.django_db


def test_colleagues_are_the_active_readers_at_the_viewers_sites(django_assert_num_queries: Any) -> None:
    north, south = SiteFactory(code="north"), SiteFactory(code="south")
    viewer = make_reader("viewer", sites=(north,))
    both = make_reader("both", sites=(north, south))
    both.groups.add(Group.objects.get_or_create(name=Role.RESIDENT.value)[0])  # two roles, two sites: listed once
    make_reader("far", sites=(south,))
    make_user("gone", Role.RADIOLOGIST, sites=(north,), is_active=False)
    make_user("clerk", Role.SCHEDULER, sites=(north,))
    night = Group.objects.create(name="night readers")
    assign_perm("catalog.work_at", night, north)
    by_group = make_user("by_group", Role.RADIOLOGIST)
    by_group.groups.add(night)
    boss = User.objects.create_superuser("boss", password="boss")
    viewer = User.objects.get(pk=viewer.pk)
    with read_permissions_once():
        assert {person.pk for person in colleagues(viewer)} == {viewer.pk, both.pk, by_group.pk, boss.pk}
        with django_assert_num_queries(1):
            assert len(colleagues(viewer)) == 4
    assert colleagues(make_user("nowhere", Role.RADIOLOGIST)) == []
