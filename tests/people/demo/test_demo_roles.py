"""The role chooser of the log-in page: in the demo on this machine, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from ris.config import read_config
from ris.people.roles import Role
from tests.factories import SiteFactory, make_user

pytestmark = pytest.mark.once
HERE = {"RIS_DEMO": "1", "RIS_HTTP": "127.0.0.1:8000"}


@pytest.fixture
def demo(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeded users, and one who is none of them and bears a password that everybody knows."""
    for name, role in (("reads", Role.RADIOLOGIST), ("reads-too", Role.RADIOLOGIST), ("books", Role.SCHEDULER)):
        make_user(name, role, sites=(SiteFactory(),))
    make_user("stranger", Role.LEAD, sites=(SiteFactory(),))
    (tmp_path / "demo-users.txt").write_text("reads reads\nreads-too reads-too\nbooks books\n")
    monkeypatch.setattr(settings, "RIS", replace(settings.RIS, data=tmp_path, demo=True, demo_live=True))


def come_in(name: str) -> Client:
    client = Client()
    client.post("/login/", {"demo": name})
    return client


def test_the_first_of_each_role_is_offered_and_comes_in(demo: None) -> None:
    page = Client().get("/login/").content.decode()
    assert 'value="reads"' in page and 'value="books"' in page
    assert 'value="reads-too"' not in page and 'value="stranger"' not in page
    first = come_in("reads").get("/reading/")
    assert first.status_code == 200
    assert 'data-tour="radiologist"' in first.content.decode()


@pytest.mark.parametrize("name", ["stranger", "reads-too", "nobody", ""])
def test_who_is_not_offered_does_not_come_in(demo: None, name: str) -> None:
    assert come_in(name).get("/reading/").status_code == 302


def test_without_the_demo_there_is_no_way_in(demo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the users and the file of their passwords are still there."""
    monkeypatch.setattr(settings, "RIS", replace(settings.RIS, demo=False))
    assert b"demo" not in Client().get("/login/").content
    assert come_in("reads").get("/reading/").status_code == 302
    plain = Client()
    plain.post("/login/", {"username": "reads", "password": "reads"})
    assert b"data-tour" not in plain.get("/reading/").content


@pytest.mark.parametrize("said", ["X-Forwarded-For", "Forwarded", "Via"])
def test_nothing_is_offered_through_a_proxy_that_no_setting_names(demo: None, said: str) -> None:
    client = Client(headers={said: "192.0.2.7"})
    assert b'value="reads"' not in client.get("/login/").content
    client.post("/login/", {"demo": "reads"})
    assert client.get("/reading/").status_code == 302


@pytest.mark.parametrize(
    ("more", "offered"),
    [
        ({}, True),
        ({"RIS_DEMO": "0"}, False),
        ({"RIS_DEMO_LIVE": "0"}, False),
        ({"RIS_HTTP": "0.0.0.0:8000", "RIS_ALLOW_PUBLIC": "1"}, False),
        ({"RIS_PROXY": "127.0.0.1"}, False),
        ({"RIS_HOSTS": "ris.example"}, False),
    ],
)
def test_only_a_demo_on_this_machine_offers_roles(more: dict[str, str], offered: bool, tmp_path: Path) -> None:
    assert read_config(HERE | {"RIS_DATA": str(tmp_path)} | more).demo_log_in is offered
