"""Log-in by an OpenID provider: a whole code flow with PKCE; groups give roles at sites, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.people.models import LoginRule, RefusedLogIn, RoleMapping, User
from ris.people.providers.services import add_mapping, remove_mapping
from ris.people.roles import ROLES, Can, Role
from ris.people.selectors import permissions_of, read_permissions_once, site_ids_for, sites_for
from tests.factories import TESTER, SiteFactory, make_order, make_user
from worklist.selectors.access import permissions_of_many, sites_of_many

from .conftest import Hospital, use_providers

pytestmark = pytest.mark.django_db


def give(value: str, role: Role, site: Site | None = None) -> RoleMapping:
    return add_mapping(provider="hospital", value=value, role=role, site_id=site.pk if site else None,
                       actor=TESTER, at=now())  # fmt: skip


def test_a_group_gives_its_role_at_its_site_until_it_is_taken_away(hospital: Hospital) -> None:
    north, south = SiteFactory(), SiteFactory(code="south")
    here, there = make_order(site=north), make_order(site=south)
    give("rad-north", Role.SCHEDULER, north)
    give("rad-south", Role.RESIDENT, south)
    hospital.know("zzrada", groups=["rad-north", "football"])
    before = hospital.pkce.checked
    browser, answer = hospital.log_in("zzrada")
    assert (answer.status_code, answer["Location"]) == (302, "/") and hospital.pkce.checked == before + 1
    assert browser.get(f"/orders/{here.pk}/").status_code == 200
    assert browser.get(f"/orders/{there.pk}/").status_code == 404
    rada = User.objects.get(username="zzrada")
    assert permissions_of(rada) == ROLES[Role.SCHEDULER] and not rada.has_usable_password()
    assert AuditEvent.objects.get(action="people.login").detail == {"methods": ["hospital"]}
    assert SocialAccount.objects.get().extra_data == {"groups": ["football", "rad-north"]}, "no other claim is kept"

    hospital.know("zzrada", groups=["rad-south"])
    hospital.log_in("zzrada")
    assert browser.get(f"/orders/{here.pk}/").status_code == 404, "the other browser's session has lost it, too"
    assert permissions_of(User.objects.get(pk=rada.pk)) >= {Can.READ_CASES}

    hospital.know("zzrada", groups=["football"])
    again, answer = hospital.log_in("zzrada")
    assert answer.status_code == 403 and "None of your groups" in answer.content.decode()
    assert browser.get("/profile/").status_code == 302, "signed out everywhere"
    assert again.get("/profile/").status_code == 302
    assert not permissions_of(User.objects.get(pk=rada.pk))


def test_each_role_counts_at_the_sites_of_its_own_groups_only(hospital: Hospital) -> None:
    north, south = SiteFactory(), SiteFactory(code="south")
    give("sched", Role.SCHEDULER, north)
    give("res", Role.RESIDENT, south)
    hospital.know("zzboth", groups=["sched", "res"])
    hospital.log_in("zzboth")
    user = User.objects.get(username="zzboth")
    for can, sites in ((Can.PLACE_ORDERS, {north.pk}), (Can.READ_CASES, {south.pk}),
                       (Can.SEE_ORDERS, {north.pk, south.pk})):  # fmt: skip
        assert site_ids_for(user, can) == sites
        assert set(sites_for(user, can).values_list("pk", flat=True)) == sites
        with read_permissions_once():
            assert set(sites_for(user, can).values_list("pk", flat=True)) == sites
        assert sites_of_many([user.pk], permissions_of_many([user.pk]), can)[user.pk] == sites
    user.groups.add(*User.objects.get(pk=make_user("hand", Role.TECHNOLOGIST).pk).groups.all())
    assert site_ids_for(User.objects.get(pk=user.pk), Can.PERFORM_EXAMS) == {north.pk, south.pk}, "given by hand"


def test_a_mapping_that_is_removed_signs_out_whom_it_let_in(hospital: Hospital) -> None:
    row = give("rad", Role.RESIDENT)
    make_user("zzother", Role.RESIDENT, sites=(SiteFactory(),))
    hospital.know("zzrada", groups=["rad"])
    browser, _ = hospital.log_in("zzrada")
    assert browser.get("/profile/").status_code == 200
    assert remove_mapping(row.pk, actor=TESTER, at=now()) == 1
    assert browser.get("/profile/").status_code == 302
    assert permissions_of(User.objects.get(username="zzother")), "who does not log in by a provider is not touched"


@pytest.mark.parametrize("same", ["name", "address"])
def test_nobody_becomes_somebody_who_is_here_already(hospital: Hospital, same: str) -> None:
    give("rad", Role.RESIDENT)
    name = "ZZLOCAL" if same == "name" else "zzelse"
    make_user("zzlocal", Role.ADMINISTRATOR, email="zz@hospital.example")
    hospital.know("zzsubject", preferred_username=name, groups=["rad"],
                  email="ZZ@hospital.example" if same == "address" else "other@hospital.example",
                  email_verified=True)  # fmt: skip
    browser, answer = hospital.log_in("zzsubject")
    assert answer.status_code == 403 and "connect" in answer.content.decode()
    assert browser.get("/profile/").status_code == 302 and not SocialAccount.objects.exists()
    row = RefusedLogIn.objects.get()
    assert (row.cause, row.groups) == ("taken", ["rad"])


def test_a_provider_trusted_with_addresses_opens_the_account_and_a_stranger_to_it_does_not(
    hospital: Hospital, settings: Any
) -> None:
    use_providers(settings, [{"id": "hospital", "kind": "oidc", "issuer": hospital.url,
                              "client_id": "wetread", "client_secret": "zz",
                              "trusted_email": True, "second_factor": True}])  # fmt: skip
    give("rad", Role.RESIDENT, SiteFactory())
    LoginRule.objects.create(second_factor=True)
    make_user("zzlocal", email="zz@hospital.example")
    make_user("zzroot", email="root@hospital.example", is_superuser=True)
    hospital.know("sub-1", groups=["rad"], email="ZZ@hospital.example", email_verified=True)
    browser, answer = hospital.log_in("sub-1")
    assert answer.status_code == 302, answer.content.decode()
    page = browser.get("/profile/")
    assert page.status_code == 200 and "zzlocal" in page.content.decode(), "the provider's second factor counts"
    assert permissions_of(User.objects.get(username="zzlocal")) >= {Can.READ_CASES}
    keeps = make_user("zzkeeps", Role.SCHEDULER, email="keeps@hospital.example", sites=(SiteFactory(code="south"),))
    hospital.know("sub-4", groups=["football"], email="keeps@hospital.example", email_verified=True)
    refused, answer = hospital.log_in("sub-4")
    assert answer.status_code == 403 and refused.get("/profile/").status_code == 302
    assert Can.PLACE_ORDERS in permissions_of(User.objects.get(pk=keeps.pk)), "the account here stays as it is"
    for subject, claims in (("sub-2", {"email": "zz@hospital.example", "email_verified": False}),
                            ("sub-3", {"email": "root@hospital.example", "email_verified": True})):  # fmt: skip
        hospital.know(subject, groups=["rad"], **claims)
        assert hospital.log_in(subject)[1].status_code == 403, claims


def test_ones_own_account_is_connected_after_showing_who_one_is(hospital: Hospital) -> None:
    give("rad", Role.RESIDENT, SiteFactory())
    make_user("zzlocal", Role.SCHEDULER, sites=(SiteFactory(code="south"),))
    browser = Client()
    browser.post("/login/", {"username": "zzlocal", "password": "zzlocal"})
    hospital.know("sub-9", groups=["rad"])
    assert "Connect" in browser.get("/profile/sessions/").content.decode()
    _, answer = hospital.log_in("sub-9", browser, "/login/oidc/hospital/?process=connect")
    assert (answer.status_code, answer["Location"]) == (302, "/profile/sessions/")
    other, answer = hospital.log_in("sub-9")
    assert answer.status_code == 302 and "zzlocal" in other.get("/profile/").content.decode()
    assert permissions_of(User.objects.get(username="zzlocal")) >= {Can.READ_CASES}
    assert Can.PLACE_ORDERS not in permissions_of(User.objects.get(username="zzlocal")), "the provider decides"
    account = SocialAccount.objects.get()
    assert Client().post(f"/profile/sessions/providers/{account.pk}/disconnect/").status_code == 302
    assert SocialAccount.objects.exists()
    browser.post(f"/profile/sessions/providers/{account.pk}/disconnect/")
    assert not SocialAccount.objects.exists()


def test_a_forged_or_repeated_answer_of_the_provider_lets_nobody_in(hospital: Hospital) -> None:
    give("rad", Role.RESIDENT)
    hospital.know("zzrada", groups=["rad"])
    forged = Client().get("/login/oidc/hospital/callback/?code=zz&state=zz")
    assert forged.status_code == 403 and "Traceback" not in forged.content.decode()
    browser, _ = hospital.log_in("zzrada")
    stranger = Client()
    assert stranger.get("/login/oidc/hospital/callback/?code=zz&error=server_error").status_code == 403
    assert stranger.get("/profile/").status_code == 302 and browser.get("/profile/").status_code == 200
    assert AuditEvent.objects.filter(action="people.login-failed", detail__cause="failed").count() == 2
    for _ in range(101):
        assert stranger.get("/login/oidc/hospital/callback/?code=zz&state=zz").status_code == 403
    assert RefusedLogIn.objects.count() == 100, "nobody fills the disk with forged answers"


def test_who_is_switched_off_here_stays_out(hospital: Hospital) -> None:
    give("rad", Role.RESIDENT)
    hospital.know("zzrada", groups=["rad"])
    hospital.log_in("zzrada")
    User.objects.filter(username="zzrada").update(is_active=False)
    browser, answer = hospital.log_in("zzrada")
    assert answer.status_code == 403 and browser.get("/profile/").status_code == 302
