"""The reading room as a cockpit: images in the site's viewer, priors that were done, races that name the winner."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.orders.models import Order, Study
from ris.patients.models import Identifier
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import TESTER, make_order, make_user
from worklist.models import ReadingItem
from worklist.services import claim
from worklist.states import UNREAD

from .conftest import client_of, open_case


def same_patient(item: ReadingItem, other: ReadingItem | Order) -> None:
    order = other if isinstance(other, Order) else other.procedure.order
    Order.objects.filter(pk=order.pk).update(patient=item.procedure.order.patient)


def test_images_open_in_the_viewer_of_the_site(item: ReadingItem, radiologist: User, site: Site) -> None:
    numbers = Identifier.objects.filter(patient=item.procedure.order.patient)
    numbers.update(value="ZZ/4 7", authority=site.assigning_authority)
    site.viewer_url = "https://viewer.test/v?StudyInstanceUIDs={study_uid}&acc={accession}&pat={patient_id}"
    site.save()
    answer = client_of(radiologist).get(reverse("reporting:images", args=[item.pk]))
    uid = item.procedure.study_uid
    assert answer["Location"] == (f"https://viewer.test/v?StudyInstanceUIDs={uid}&acc={item.accession}&pat=ZZ%2F4%207")
    assert AuditEvent.objects.filter(action="item.images", patient=item.procedure.order.patient).exists()


def test_the_latest_prior_opens_beside_it_in_a_viewer_of_the_desktop(
    item: ReadingItem, radiologist: User, site: Site
) -> None:
    prior = open_case(site)
    same_patient(item, prior)
    site.viewer_url = "weasis://%24dicom%3Ars%20-r%20studyUID%3D{study_uid}"
    site.compare_url = "weasis://%24dicom%3Ars%20-r%20studyUID%3D{study_uid}%2C{prior_study_uid}"
    site.save()
    answer = client_of(radiologist).get(reverse("reporting:images", args=[item.pk]), {"prior": "latest"})
    assert answer.status_code == 302
    assert answer["Location"].endswith(f"studyUID%3D{item.procedure.study_uid}%2C{prior.procedure.study_uid}")


def test_a_site_without_viewer_says_who_mends_it(item: ReadingItem, radiologist: User) -> None:
    client = client_of(radiologist)
    answer = client.get(reverse("reporting:images", args=[item.pk]))
    assert answer.status_code == 400 and "an administrator enters its address" in answer.content.decode()


@pytest.mark.parametrize("wrong", ["javascript:alert({study_uid})", "https://v.test/{patient}", "https://v.test/"])
def test_a_viewer_address_that_cannot_work_is_refused(wrong: str, site: Site) -> None:
    site.viewer_url = wrong
    with pytest.raises(ValidationError):
        site.full_clean()


def test_the_room_says_how_complete_the_images_are_and_lists_what_was_done(
    item: ReadingItem, radiologist: User, site: Site
) -> None:
    at = now()
    done, ordered = open_case(site), make_order(site=site, at=at)
    same_patient(item, done)
    same_patient(item, ordered)
    Study.objects.create(study_uid=item.procedure.study_uid, first_seen_at=at, complete_at=at, instances=41)
    room = client_of(radiologist).get(reverse("reporting:room", args=[item.pk])).content.decode()
    assert "41 images, complete" in room
    before, after = room.split("Ordered, not done yet")
    assert f"{done.procedure}" in before.split('id="priors"')[1]
    assert f"{ordered.procedures.get()}" in after


def test_who_loses_a_race_reads_by_whom_and_what_next(item: ReadingItem, radiologist: User, site: Site) -> None:
    quicker = make_user("radq", Role.RADIOLOGIST, sites=(site,), first_name="Quinn", last_name="Quicker")
    claim(item.pk, reader=quicker, actor=TESTER, at=now() - timedelta(seconds=4))
    room = reverse("reporting:room", args=[item.pk])
    where = reverse("worklist:claim", args=[item.pk])
    on_list = client_of(radiologist, **{"HX-Request": "true"}).post(where)
    assert on_list.status_code == 409
    assert "Quinn Quicker took this case" in on_list["HX-Trigger"] and "Press N" in on_list["HX-Trigger"]
    assert f'"stale-row": {{"id": {item.pk}}}' in on_list["HX-Trigger"]
    in_room = client_of(radiologist, **{"HX-Request": "true", "HX-Current-URL": f"http://testserver{room}"})
    assert in_room.post(where)["HX-Redirect"] == room
    shown = in_room.get(room).content.decode()
    assert "Quinn Quicker took this case" in shown and "Take over" in shown and "Next case" in shown


def test_one_case_of_several_is_handed_over_by_its_reader(item: ReadingItem, radiologist: User, site: Site) -> None:
    kept = open_case(site)
    colleague = make_user("radc", Role.RADIOLOGIST, sites=(site,))
    for case in (item, kept):
        claim(case.pk, reader=radiologist, actor=TESTER, at=now())
    said = {"items": [item.pk], "to": colleague.pk, "reason": "Knows the patient"}
    client_of(radiologist).post(reverse("worklist:hand-over"), said)
    assert (item.reread().reader, kept.reread().reader) == (colleague, radiologist)


def test_what_is_not_ones_own_is_not_handed_over(item: ReadingItem, radiologist: User) -> None:
    answer = client_of(radiologist).post(reverse("worklist:hand-over"), {"items": [item.pk], "reason": "No"})
    assert answer.status_code == 400 and "nothing was handed over" in answer.content.decode()
    assert item.reread().state == UNREAD
