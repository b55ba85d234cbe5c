"""What is planned to be at hand, on screen."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_order, make_user
from worklist.services import plan_priors
from worklist.services.prefetch import Earlier

pytestmark = pytest.mark.django_db


def test_a_study_that_only_an_archive_knows_is_shown_by_its_own_words() -> None:
    new = make_order().procedures.get()
    plan_priors(new.pk, at=NOON, found=[Earlier("1.2.3", NOON.date(), "CT", "HEAD", description="CT KOPF NATIV")])
    client = Client()
    client.force_login(make_user("lead", Role.ADMINISTRATOR, sites=(SiteFactory(),)))
    shown = client.get(reverse("dicom:prefetch")).content.decode()
    assert "CT KOPF NATIV" in shown and "not ordered here" in shown
