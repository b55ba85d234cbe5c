"""Figures of the checks before signing: by check and site, for who leads quality there, and for nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from reporting import services
from reporting.models import Firing
from reporting.quality.precision import check_figures
from ris.kernel import clock
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_user
from tests.reporting.written import by, signed
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist

pytestmark = pytest.mark.django_db

REASON = "ZZ born with both"


def overridden(reader: User, reason: str) -> None:
    item = worklist.claim(make_item().pk, **by(reader))
    text = {"findings": "The prostate is normal.", "impression": "Normal."}
    draft = services.save_draft(item.pk, revision=0, sections=text, **by(reader))
    services.sign(item.pk, revision=draft.revision, overrides={"sex": reason}, **by(reader))


def edited(reader: User, times: int, *, days: int = 0) -> None:
    """Rows of a report as a save would have left them."""
    report, at = signed(reader).report, NOON - timedelta(days=days)
    for _ in range(times):
        Firing.objects.create(report=report, site=report.item.site, check_name="sex", level="warn", section="findings",
                              at=at, rules="x", outcome="edited", settled_at=at)  # fmt: skip


def answer(user: User, path: str) -> Any:
    client = Client()
    client.force_login(user)
    return client.get(path)


def test_a_check_is_marked_while_its_precision_is_under_80_percent() -> None:
    reader, boss = make_reader("zzauthor", most_claims=9), make_user("zzlead", Role.LEAD, sites=(SiteFactory(),))
    overridden(reader, REASON)
    overridden(reader, REASON)
    edited(reader, 3)
    edited(reader, 9, days=91)
    at = NOON + timedelta(hours=1)
    (row,) = check_figures(boss, at=at)
    assert (row.check, row.site, row.fired, row.edited, row.overridden, row.nothing) == (
        "sex",
        SiteFactory().code,
        5,
        3,
        2,
        0,
    )
    assert (row.precision, row.imprecise) == (60.0, True)
    assert [(one.reason, one.times) for one in row.reasons] == [(REASON, 2)]
    edited(reader, 5)
    (row,) = check_figures(boss, at=at)
    assert (row.precision, row.imprecise) == (80.0, False), "80 % is enough"


def test_the_page_and_the_call_are_for_leads_of_the_site_alone() -> None:
    reader, site = make_reader("zzauthor", most_claims=9), SiteFactory()
    overridden(reader, REASON)
    Firing.objects.update(at=clock.now() - timedelta(days=1))
    boss = make_user("zzlead", Role.LEAD, sites=(site,))
    page = answer(boss, "/quality/checks/").content.decode()
    assert REASON in page and "under 80 %" in page and "ZZTEST" not in page and "zzauthor" not in page
    (row,) = answer(boss, "/api/quality-checks/").json()
    assert (row["check"], row["overridden"], row["precision"], row["imprecise"]) == ("sex", 1, 0.0, True)
    assert row["reasons"] == [{"reason": REASON, "times": 1}]
    assert 'href="/quality/checks/"' in answer(boss, "/quality/").content.decode()
    elsewhere = make_user("zzsouth", Role.LEAD, sites=(SiteFactory(code="south"),))
    assert REASON not in answer(elsewhere, "/quality/checks/").content.decode()
    assert answer(elsewhere, "/api/quality-checks/").json() == []
    for role in (Role.RADIOLOGIST, Role.RESIDENT, Role.REFERRER, Role.ADMINISTRATOR):
        other = make_user(f"zz{role}", role, sites=(site,))
        for path in ("/quality/checks/", "/api/quality-checks/"):
            assert answer(other, path).status_code == 403, f"{path} as {role}"


def test_a_check_that_only_hints_has_no_precision_and_is_not_marked() -> None:
    report = signed(make_reader("zzauthor")).report
    Firing.objects.create(
        report=report, site=report.item.site, check_name="missing comparison", level="hint", section="comparison",
        at=NOON, rules="x", outcome="unchanged", settled_at=NOON,
    )  # fmt: skip
    (row,) = check_figures(make_user("zzlead", Role.LEAD, sites=(report.item.site,)), at=NOON)
    assert (row.unchanged, row.precision, row.imprecise) == (1, None, False)
