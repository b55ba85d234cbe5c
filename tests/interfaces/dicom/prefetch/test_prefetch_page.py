"""What is planned to be at hand, on screen."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from interfaces.dicom.models import Archive, Prefetch, PriorMove
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_order, make_user
from worklist.services import plan_priors
from worklist.services.priors import Earlier

pytestmark = pytest.mark.django_db


def test_a_study_that_only_an_archive_knows_is_shown_by_its_own_words() -> None:
    new = make_order().procedures.get()
    plan_priors(new.pk, at=NOON, found=[Earlier("1.2.3", NOON.date(), "CT", "HEAD", description="CT KOPF NATIV")])
    client = Client()
    client.force_login(make_user("lead", Role.ADMINISTRATOR, sites=(SiteFactory(),)))
    shown = client.get(reverse("dicom:prefetch")).content.decode()
    assert "CT KOPF NATIV" in shown and "not ordered here" in shown


def test_where_a_prior_was_looked_for_and_how_its_way_went_stands_beside_its_plan() -> None:
    new = make_order().procedures.get()
    plan_priors(new.pk, at=NOON, found=[Earlier("1.2.3", NOON.date(), "CT", "HEAD", description="CT KOPF NATIV")])
    archive = Archive.objects.create(name="old-pacs", ae_title="OLD", host="10.0.0.5", destination="NEW")
    wish = Prefetch.objects.create(procedure=new, archive=archive, due_at=NOON, created_at=NOON, state="searched")
    PriorMove.objects.create(
        archive=archive, prefetch=wish, study_uid="1.2.3", destination="NEW", score=1, due_at=NOON, attempts=8,
        state="missed", error="OLD at 10.0.0.5:104 cannot be reached",
    )  # fmt: skip
    client = Client()
    client.force_login(make_user("lead", Role.ADMINISTRATOR, sites=(SiteFactory(),)))
    shown = client.get(reverse("dicom:prefetch")).content.decode()
    assert "in old-pacs" in shown and "Searched" in shown
    assert "0 of 2 on the way, 0 queued, 1 missed" in shown
    assert "Missed" in shown and "to NEW, 8 tries" in shown and "cannot be reached" in shown
