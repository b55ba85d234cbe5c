"""What is set up once: by administrators, audited, and never what people do."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from interfaces.dicom.models import Archive, Mpps, MppsForward, MwlQuery
from interfaces.hl7.models import InboundMessage, MapEntry, OutboundMessage, Peer
from reporting.critical.models import CriticalContact, ListedFinding
from reporting.models import AttestationText
from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.kernel.db.transitions import Stateful
from ris.people.models import ApiToken, LoginRule, User
from ris.people.roles import Can, Role
from ris.people.selectors import granted_sites, permissions_of
from ris.scheduling.models import Block, Closure, OpeningHours, ReminderChannel
from ris.sharing.models import SharingLimits
from tests.factories import SiteFactory, SubspecialtyFactory, make_user
from worklist.models import Decision, Skill

ARCHIVE = {"name": "main", "ae_title": "ARCHIVE", "host": "10.0.0.5", "port": 104, "poll": "", "enabled": "on",
           "authorities": "[]", "initial-authorities": "[]", "most_at_once": 2}  # fmt: skip

pytestmark = pytest.mark.django_db


def office(user: User) -> Client:
    client = Client()
    name = user.get_username()
    assert client.post("/login/", {"username": name, "password": name}).status_code == 302
    return client


@pytest.fixture
def ada() -> Client:
    return office(make_user("ada", Role.ADMINISTRATOR))


def test_an_administrator_adds_an_archive_and_it_is_audited(ada: Client) -> None:
    assert ada.post(reverse("admin:dicom_archive_add"), ARCHIVE).status_code == 302
    archive = Archive.objects.get()
    event = AuditEvent.objects.get(action="set-up.add")
    assert (event.actor, event.subject, event.subject_id) == ("ada", "Archive", str(archive.pk))
    ada.post(reverse("admin:dicom_archive_change", args=[archive.pk]), ARCHIVE | {"port": 11112})
    assert AuditEvent.objects.get(action="set-up.change").detail == {"fields": ["Port"]}
    archive.refresh_from_db()
    assert archive.port == 11112


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_every_other_role_is_refused(role: Role) -> None:
    client = office(make_user("somebody", role, is_staff=True))
    for name in ("index", "dicom_archive_changelist", "dicom_archive_add", "people_user_changelist"):
        assert client.get(reverse(f"admin:{name}")).status_code == 403
    assert client.post(reverse("admin:dicom_archive_add"), ARCHIVE).status_code == 403
    assert not Archive.objects.exists()


def test_who_has_not_logged_in_is_asked_to() -> None:
    answer = Client().get(reverse("admin:index"))
    assert answer.status_code == 302 and answer["Location"].startswith("/login/")


def test_what_people_do_is_no_set_up() -> None:
    kept = set(admin.site._registry)
    assert {model._meta.app_label for model in kept} == {
        "access", "catalog", "people", "worklist", "hl7", "dicom", "reporting", "scheduling", "sharing"
    }  # fmt: skip
    texts = {model for model in kept if model._meta.app_label == "reporting"}
    assert texts == {AttestationText, CriticalContact, ListedFinding}, "no report, nothing that was told"
    hours = {model for model in kept if model._meta.app_label == "scheduling"}
    assert hours == {OpeningHours, Block, Closure, ReminderChannel}, "no held time, no offer, nobody who waits"
    assert {model for model in kept if model._meta.app_label == "sharing"} == {SharingLimits}, "no share, no grant"
    assert not [model for model in kept if issubclass(model, Stateful)], "these change by their steps only"
    assert kept.isdisjoint({ApiToken, InboundMessage, OutboundMessage, Mpps, MppsForward, MwlQuery, Decision})


def test_every_page_opens_and_asks_for_nothing_that_the_content_policy_forbids(ada: Client) -> None:
    SiteFactory()
    for model, page in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        routes = [f"{name}_changelist"] + ([f"{name}_add"] if model._meta.model_name != "shift" else [])
        for route in routes:
            answer = ada.get(reverse(route))
            assert answer.status_code == 200, (route, page)
            shown = answer.content.decode()
            assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", shown), route
            assert not re.search(r"<style|\sstyle=|\son\w+=\"", shown), route
            assert "'unsafe-inline'" not in answer["Content-Security-Policy"]


def test_a_person_is_made_and_given_roles_and_sites(ada: Client) -> None:
    north = SiteFactory()
    password = "zz-made-up-0815"
    said = {"username": "newdoc", "password1": password, "password2": password, "usable_password": "true"}
    assert ada.post(reverse("admin:people_user_add"), said).status_code == 302
    person = User.objects.get(username="newdoc")
    where = reverse("admin:people_user_change", args=[person.pk])
    said = {"username": "newdoc", "is_active": "on", "time_zone": "UTC", "roles": ["radiologist"], "sites": [north.pk]}
    assert ada.post(where, said).status_code == 302
    assert Can.SIGN_REPORTS in permissions_of(person) and list(granted_sites(person)) == [north]
    assert ada.post(where, said | {"roles": ["resident"], "sites": []}).status_code == 302
    assert Can.SIGN_REPORTS not in permissions_of(person) and not granted_sites(person)
    kinds = {"people.grant", "people.withdraw"}
    assert set(AuditEvent.objects.filter(actor="ada", action__in=kinds).values_list("action", flat=True)) == kinds


def test_an_administrator_does_not_become_a_superuser(ada: Client) -> None:
    root = User.objects.create_superuser("root", password="root")
    assert ada.post(reverse("admin:people_user_change", args=[root.pk]), {"username": "mine"}).status_code == 403
    answer = ada.post(reverse("admin:auth_user_password_change", args=[root.pk]), {"password1": "x", "password2": "x"})
    assert answer.status_code == 403
    me = User.objects.get(username="ada")
    said = {"username": "ada", "is_active": "on", "time_zone": "UTC", "roles": ["administrator"], "is_superuser": "on"}
    assert ada.post(reverse("admin:people_user_change", args=[me.pk]), said).status_code == 302
    me.refresh_from_db()
    assert not me.is_superuser


def test_what_history_refers_to_is_not_deleted(ada: Client) -> None:
    site: Site = SiteFactory()
    assert ada.post(reverse("admin:catalog_site_delete", args=[site.pk]), {"post": "yes"}).status_code == 403
    assert Site.objects.filter(pk=site.pk).exists()


def test_a_changed_table_is_heeded_by_every_peer(ada: Client) -> None:
    peer = Peer.objects.create(name="EMR", application="EMR")
    line = {"peer": "", "table": "priority", "given": "X", "meant": "STAT", "text": ""}
    assert ada.post(reverse("admin:hl7_mapentry_add"), line).status_code == 302
    entry = MapEntry.objects.get()
    ada.post(reverse("admin:hl7_mapentry_delete", args=[entry.pk]), {"post": "yes"})
    peer.refresh_from_db()
    assert peer.version == 3 and not MapEntry.objects.exists()
    assert AuditEvent.objects.filter(action="set-up.remove", subject="MapEntry").count() == 1


def test_an_archive_is_given_its_token_once(ada: Client) -> None:
    archive = Archive.objects.create(name="main", ae_title="ARCHIVE", host="10.0.0.5")
    said = {"action": "new_webhook_token", "_selected_action": [archive.pk]}
    answer = ada.post(reverse("admin:dicom_archive_changelist"), said)
    assert answer.status_code == 200 and re.search(r"<code>[\w-]{43}</code>", answer.content.decode())
    archive.refresh_from_db()
    assert len(archive.webhook_digest) == 64
    assert AuditEvent.objects.filter(action="archive.token", actor="ada").count() == 1


@pytest.mark.parametrize(
    "wrong", [{"addresses": '["10.0.0"]'}, {"left_out": '["PatientName"]'}, {"modality_map": '["CT"]'}]
)
def test_a_device_s_profile_that_cannot_be_read_is_not_taken(ada: Client, wrong: dict[str, str]) -> None:
    from interfaces.dicom.models import DeviceProfile
    from tests.factories import DeviceFactory

    said = {"device": DeviceFactory().pk, "port": 104, "addresses": "[]", "modality_map": "{}", "hours_back": 72,
            "most_rows": 10, "listed_states": "[]", "left_out": "[]"}  # fmt: skip
    where = reverse("admin:dicom_deviceprofile_add")
    assert ada.post(where, said | wrong).status_code == 200
    assert not DeviceProfile.objects.exists()
    assert ada.post(where, said).status_code == 302


@pytest.mark.parametrize("wrong", ['"CT"', '{"CT": 1}', "[1]"])
def test_a_list_that_is_none_is_not_taken_and_nothing_is_an_empty_one(ada: Client, wrong: str) -> None:
    said = {"reader": User.objects.get().pk, "subspecialty": SubspecialtyFactory().pk, "level": 1, "regions": ""}
    where = reverse("admin:worklist_skill_add")
    assert ada.post(where, said | {"modalities": wrong}).status_code == 200
    assert ada.post(where, said | {"modalities": '["CT"]'}).status_code == 302
    skill = Skill.objects.get()
    assert (skill.modalities, skill.regions) == (["CT"], [])


def as_shown(web: Client, where: str) -> dict[str, Any]:
    """What the form of that page would send as it is shown."""
    form = web.get(where).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in shown.items() if value not in (None, False)}


def test_a_peer_s_address_that_cannot_be_read_is_not_taken(ada: Client) -> None:
    peer = Peer.objects.create(name="EMR", application="EMR")
    where = reverse("admin:hl7_peer_change", args=[peer.pk])
    said = as_shown(ada, where)
    assert ada.post(where, said | {"addresses": '["10.0.0"]'}).status_code == 200
    assert ada.post(where, said | {"addresses": '["10.0.0.0/8"]'}).status_code == 302


def test_a_site_has_a_clock_that_exists(ada: Client) -> None:
    where = reverse("admin:catalog_site_add")
    said = as_shown(ada, where) | {
        "code": "east",
        "name": "East",
        "accession_prefix": "EA",
        "assigning_authority": "EAST",
    }
    assert ada.post(where, said | {"time_zone": "Moon/Tycho"}).status_code == 200
    assert ada.post(where, said | {"time_zone": "America/Chicago"}).status_code == 302


def test_who_people_are_is_changed_only_after_showing_who_one_is() -> None:
    boss, seth = make_user("boss", Role.ADMINISTRATOR), make_user("seth", Role.SCHEDULER)
    before, later = seth.password, now() + timedelta(minutes=6)
    client = office(boss)
    changes = {
        reverse("admin:people_user_change", args=[seth.pk]): {"username": "zzseth"},
        reverse("admin:auth_user_password_change", args=[seth.pk]): {
            "password1": "zz-Long-1",
            "password2": "zz-Long-1",
        },
        reverse("admin:people_user_add"): {"username": "zznew", "password1": "zz-Long-1", "password2": "zz-Long-1"},
        reverse("admin:people_loginrule_add"): {"role": "", "second_factor": "on"},
    }
    with time_machine.travel(later, tick=False):
        for where, form in changes.items():
            answer = client.post(where, form)
            assert answer["Location"].startswith("/account/reauthenticate/?next="), where
        assert not User.objects.filter(username__startswith="zz").exists()
        assert User.objects.get(pk=seth.pk).password == before and not LoginRule.objects.exists()
        assert "zz-Long-1" not in str(client.session.items()), "no password lies in a session"
        assert client.post(answer["Location"], {"password": "boss"}).status_code == 302
        client.post(reverse("admin:people_loginrule_add"), {"role": "", "second_factor": "on"})
        assert LoginRule.objects.get().second_factor
