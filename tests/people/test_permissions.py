"""Roles say what, sites say where; both are needed."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from ris.kernel.errors import Forbidden, NotFound
from ris.people.models import ApiToken
from ris.people.roles import ROLES, Can, Role
from ris.people.selectors import permissions_of, require, sites_for
from ris.people.services import issue_token, withdraw
from tests.factories import NOON, TESTER, SiteFactory, make_order, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", list(Role))
def test_a_role_allows_what_its_line_says_and_only_at_granted_sites(role: Role) -> None:
    north, south = SiteFactory(code="north"), SiteFactory(code="south")
    user = make_user("who", role, sites=(north,))
    assert permissions_of(user) == ROLES[role]
    for can in Can:
        assert list(sites_for(user, can)) == ([north] if can in ROLES[role] else []), can
        if can in ROLES[role]:
            require(user, can, north.pk)
            with pytest.raises(NotFound):
                require(user, can, south.pk)
        else:
            with pytest.raises(Forbidden):
                require(user, can)


def test_a_site_withdrawn_is_gone() -> None:
    site = SiteFactory()
    user = make_user("who", Role.SCHEDULER, sites=(site,))
    withdraw(user, sites=[site], actor=TESTER, at=NOON)
    assert not sites_for(user, Can.SEE_ORDERS).exists()


def test_an_inactive_user_may_nothing() -> None:
    user = make_user("who", Role.LEAD, is_active=False)
    assert permissions_of(user) == frozenset()


def test_a_token_logs_in_until_it_is_revoked_and_only_its_digest_is_kept() -> None:
    order = make_order()
    user = make_user("who", Role.SCHEDULER, sites=(order.site,))
    token = issue_token(user, label="script", actor=TESTER, at=NOON)
    assert token not in str(ApiToken.objects.values())
    client = APIClient(headers={"authorization": f"Bearer {token}"})
    assert client.get(f"/api/orders/{order.pk}/").status_code == 200
    ApiToken.objects.update(revoked_at=NOON)
    assert client.get(f"/api/orders/{order.pk}/").status_code == 401
    assert APIClient().get(f"/api/orders/{order.pk}/").status_code == 401
