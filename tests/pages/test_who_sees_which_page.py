"""Every page asks for the role first. Foreign rows are tried in tests/people/test_every_route.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLResolver, get_resolver, reverse

from ris.catalog.models import Site
from ris.people.navigation import HOMES, NAVIGATION
from ris.people.roles import ROLES, Role
from tests.factories import make_user

from .conftest import client_of

LINKS = {link.route: link for links in NAVIGATION.values() for link in links}


@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_shown_the_links_that_open_and_no_other(role: Role, site: Site) -> None:
    client = client_of(make_user("somebody", role, sites=(site,)))
    shown = client.get(reverse("people:profile")).content.decode()
    for route, link in LINKS.items():
        url = reverse(route)
        opens = client.get(url).status_code
        allowed = bool(link.cans & ROLES[role])
        assert opens == (200 if allowed else 403), f"{route} as {role}: {opens}"
        assert (f'href="{url}"' in shown) is allowed, f"the link to {route} as {role}"


def test_every_link_has_a_key_of_its_own() -> None:
    keys = [link.key for link in LINKS.values()]
    assert [key for key in keys if keys.count(key) > 1] == []


def test_no_page_hides_another_under_its_address() -> None:
    seen = list(_addresses(get_resolver().url_patterns))
    # The log-in and log-off of the house stand before those of allauth.
    assert {route for route in seen if seen.count(route) > 1} <= {"login/", "logout/"}


def _addresses(patterns: Any, before: str = "") -> Iterator[str]:
    for entry in patterns:
        where = before + str(entry.pattern)
        yield from _addresses(entry.url_patterns, where) if isinstance(entry, URLResolver) else [where]


@pytest.mark.parametrize("role", list(Role))
def test_everybody_has_a_home_that_opens(role: Role, site: Site) -> None:
    client = client_of(make_user("somebody", role, sites=(site,)))
    answer = client.get("/", follow=True)
    assert answer.status_code == 200
    expected = next((route for can, route in HOMES if can in ROLES[role]), "people:profile")
    assert answer.redirect_chain[-1][0] == reverse(expected)


def test_who_has_no_role_yet_is_told_so(site: Site) -> None:
    answer = client_of(make_user("nobody")).get("/", follow=True)
    assert answer.status_code == 200
    assert "ask an administrator" in answer.content.decode()


def test_a_refusal_is_a_page_a_toast_or_a_problem_as_the_request_can_show_it(site: Site) -> None:
    user = make_user("tech", Role.TECHNOLOGIST, sites=(site,))
    page = client_of(user).get(reverse("hl7:messages"))
    assert page.status_code == 403 and "not yours to do" in page.content.decode()
    toast = client_of(user, **{"HX-Request": "true"}).get(reverse("hl7:messages"))
    assert toast.status_code == 403 and "another role" in toast["HX-Trigger"]
    problem = client_of(user, Accept="application/json").get(reverse("hl7:messages"))
    assert problem.status_code == 403 and problem.json()["code"] == "role"


def test_times_are_shown_in_the_zone_of_who_looks(site: Site) -> None:
    client = client_of(make_user("sched", Role.SCHEDULER, sites=(site,)))
    assert client.post(reverse("people:profile"), {"time_zone": "Asia/Tokyo", "theme": "dark"}).status_code == 302
    shown = client.get(reverse("people:profile")).content.decode()
    assert 'data-theme="dark"' in shown and 'data-zone="Asia/Tokyo"' in shown
    assert client.post(reverse("people:profile"), {"time_zone": "Moon/Tycho", "theme": "dark"}).status_code == 400
