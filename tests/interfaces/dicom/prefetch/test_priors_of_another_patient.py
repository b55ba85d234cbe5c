"""A number alone does not say whose a study is: what may be another patient's is shown and not moved."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from interfaces.dicom import states
from interfaces.dicom.models import Archive, DoubtfulPrior, PriorMove
from interfaces.dicom.prefetch import worker
from interfaces.dicom.prefetch.worker import run_due
from interfaces.dicom.reconciliation.patient_check import DescribedPatient
from interfaces.dicom.scu.query_retrieve import FoundStudy
from ris.audit.models import AuditEvent
from ris.kernel.relay import deliver_owed
from ris.orders.models import RequestedProcedure
from ris.patients.matching import Traits
from ris.people.roles import Role
from tests.factories import NOON, PatientFactory, SiteFactory, make_order, make_user
from worklist.models import PriorPlan

pytestmark = pytest.mark.django_db

SAME: dict[str, Any] = {"family": "ZZKAPPA", "given": "ALPHA", "birth_date": date(1945, 7, 14), "sex": "F"}


def study(uid: str, *, number: str = "N1", issuer: str = "NORTH", **traits: Any) -> FoundStudy:
    said = DescribedPatient(number=number, issuer=issuer, traits=Traits(**traits))
    return FoundStudy(uid, NOON.date() - timedelta(days=90), "CT HEAD", ("CT",), 100, patient=said)


@pytest.fixture
def holdings(monkeypatch: pytest.MonkeyPatch) -> list[FoundStudy]:
    studies: list[FoundStudy] = []
    monkeypatch.setattr(worker, "find_studies", lambda archive, **keys: studies)
    monkeypatch.setattr(worker, "move_study", lambda archive, uid, destination: 3)
    Archive.objects.create(name="archive", host="192.0.2.1", ae_title="OLD", destination="READING")
    return studies


def ordered() -> RequestedProcedure:
    patient = PatientFactory(family_name="Zzkappa", number="N1")
    procedure: RequestedProcedure = make_order(patient=patient, at=NOON, priority="STAT").procedures.get()
    deliver_owed(at=NOON)
    return procedure


@pytest.mark.parametrize(
    ("said", "doubt"),
    [
        (SAME | {"family": "ZZOTHER", "given": "BETA", "birth_date": date(1980, 1, 2)}, "another name"),
        (SAME | {"birth_date": date(1980, 1, 2)}, "another birth date"),
        (SAME | {"given": "BETA"}, "another name"),
        ({"issuer": "SOUTH"}, "another issuer of the patient number"),
        (SAME | {"number": "N2"}, "another patient number"),
    ],
    ids=["a stranger", "same name", "a twin", "number of another issuer", "an archive that matches loosely"],
)
def test_what_may_be_another_patients_is_shown_and_not_moved(
    holdings: list[FoundStudy], said: dict[str, Any], doubt: str
) -> None:
    holdings[:] = [study("1.2.7", **said), study("1.2.8", **SAME)]
    procedure = ordered()
    run_due(at=NOON)
    assert list(PriorMove.objects.values_list("study_uid", "state")) == [("1.2.8", states.MOVED)]
    assert list(PriorPlan.objects.filter(procedure=procedure).values_list("study_uid", flat=True)) == ["1.2.8"]
    doubtful = DoubtfulPrior.objects.get()
    assert (doubtful.study_uid, doubtful.description) == ("1.2.7", "CT HEAD")
    assert doubt in doubtful.doubts
    page = Client()
    page.force_login(make_user("lead", Role.ADMINISTRATOR, sites=(SiteFactory(),)))
    shown = page.get(reverse("dicom:prefetch")).content.decode()
    assert "perhaps another patient" in shown and doubt in shown


@pytest.mark.parametrize(
    "said",
    [
        SAME | {"issuer": "OLD-PACS"},  # written in another way, but the person is named
        SAME | {"given": "A", "sex": ""},
        SAME | {"birth_date": None},
        {"issuer": ""},  # nothing is said against it
    ],
)
def test_what_fits_is_moved(holdings: list[FoundStudy], said: dict[str, Any]) -> None:
    holdings[:] = [study("1.2.8", **said)]
    ordered()
    run_due(at=NOON)
    assert PriorMove.objects.get().state == states.MOVED
    assert not DoubtfulPrior.objects.exists()


def test_a_study_that_was_ordered_here_for_somebody_else_is_never_this_patients(holdings: list[FoundStudy]) -> None:
    theirs = make_order(patient=PatientFactory(family_name="Zzother")).procedures.get()
    holdings[:] = [study(theirs.study_uid, **SAME)]
    procedure = ordered()
    run_due(at=NOON)
    assert not PriorPlan.objects.filter(procedure=procedure).exists()
    assert DoubtfulPrior.objects.get().doubts == ["ordered here for another patient"]


def test_a_prior_that_was_planned_before_the_doubt_is_dropped(holdings: list[FoundStudy]) -> None:
    holdings[:] = [study("1.2.7", **SAME)]
    Archive.objects.update(most_at_once=0)
    procedure = ordered()
    run_due(at=NOON)
    assert PriorMove.objects.get().state == states.QUEUED
    holdings[:] = [study("1.2.7", **SAME | {"family": "ZZOTHER", "birth_date": date(1980, 1, 2)})]
    worker.Prefetch.objects.update(state=states.WANTED, due_at=NOON)
    run_due(at=NOON)
    assert PriorPlan.objects.get(procedure=procedure).state == PriorPlan.DROPPED
    assert PriorMove.objects.get().state == states.STOPPED


def test_a_person_may_accept_it_with_a_reason(holdings: list[FoundStudy]) -> None:
    holdings[:] = [study("1.2.7", **SAME | {"given": "BETA"})]
    procedure = ordered()
    run_due(at=NOON)
    doubt = DoubtfulPrior.objects.get()
    page = Client()
    page.force_login(make_user("lead", Role.ADMINISTRATOR, Role.LEAD, sites=(SiteFactory(),)))
    url = reverse("dicom:prior-accept", args=[doubt.pk])
    page.post(url, {"reason": ""})
    assert DoubtfulPrior.objects.get().accepted_at is None
    page.post(url, {"reason": "second given name, asked the ward"})
    event = AuditEvent.objects.get(action="prefetch.accept")
    assert event.reason == "second given name, asked the ward"
    run_due(at=DoubtfulPrior.objects.get().accepted_at)
    assert PriorMove.objects.get().state == states.MOVED
    assert PriorPlan.objects.get(procedure=procedure).state == PriorPlan.FETCHED
    assert "perhaps another patient" not in page.get(reverse("dicom:prefetch")).content.decode()


def test_a_program_lists_doubtful_priors_and_accepts_one_with_a_reason(holdings: list[FoundStudy]) -> None:
    holdings[:] = [study("1.2.7", **SAME | {"given": "BETA"})]
    ordered()
    run_due(at=NOON)
    api = APIClient()
    api.force_authenticate(make_user("lead", Role.LEAD, sites=(SiteFactory(),)))
    (row,) = api.get("/api/dicom/prefetch/doubtful/").data
    assert (row["study_uid"], row["doubts"]) == ("1.2.7", ["another name"])
    url = f"/api/dicom/prefetch/doubtful/{row['id']}/accept/"
    assert api.post(url, {"reason": ""}, format="json").status_code == 400
    assert api.post(url, {"reason": "asked the ward"}, format="json").status_code == 204
    assert api.get("/api/dicom/prefetch/doubtful/").data == []
    run_due(at=DoubtfulPrior.objects.get().accepted_at)
    assert PriorMove.objects.get().state == states.MOVED


def test_a_program_of_another_site_neither_sees_nor_accepts_a_doubtful_prior(holdings: list[FoundStudy]) -> None:
    holdings[:] = [study("1.2.7", **SAME | {"given": "BETA"})]
    ordered()
    run_due(at=NOON)
    api = APIClient()
    api.force_authenticate(make_user("lead", Role.LEAD, sites=(SiteFactory(code="south"),)))
    assert api.get("/api/dicom/prefetch/doubtful/").data == []
    url = f"/api/dicom/prefetch/doubtful/{DoubtfulPrior.objects.get().pk}/accept/"
    assert api.post(url, {"reason": "curious"}, format="json").status_code == 404
