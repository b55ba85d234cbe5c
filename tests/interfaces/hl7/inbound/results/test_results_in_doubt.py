"""A result whose PID may be, or is, another's is held or applied as the exam's site says, and a person decides."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from interfaces.hl7.models import EarlyResult
from ris.audit.services import Actor
from ris.catalog.models import Site
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.patients.models import IdentityQuestion, Patient
from ris.patients.services import decide_identity
from ris.people.roles import Role
from tests.factories import SiteFactory, make_order, make_user, perform
from tests.interfaces.hl7.hl7 import NOON, message, msh, obr, take
from tests.interfaces.hl7.inbound.results.test_results_in import AI, patient_of, pid_of
from tests.interfaces.hl7.inbound.results.test_whose_results import result
from tests.worklist.reading import make_item
from worklist.models import AiFlag

pytestmark = pytest.mark.django_db

UNSURE, ANOTHER = (
    {"birth_date": "1901-02-03"},
    {"family_name": "ZZOTHER", "given_name": "QQ", "birth_date": "1901-02-03"},
)


def described(patient: Patient) -> str:
    """PID of the patient as the sender knows them; what is known here is changed afterwards."""
    return pid_of(patient)


def decide(*, same: bool) -> None:
    question = IdentityQuestion.objects.get()
    decide_identity(question.pk, same=same, reason="Asked the ward.", actor=Actor.job("test"), at=NOON)
    for _ in range(3):
        deliver_owed(at=NOON + timedelta(minutes=1))


def test_a_result_of_somebody_who_may_be_another_is_applied_and_a_person_is_asked() -> None:
    item = make_item()
    said = described(patient_of(item))
    Patient.objects.filter(pk=patient_of(item).pk).update(**UNSURE)
    row = take(result(item, *AI, said=said))
    assert row.state == "applied"
    assert AiFlag.objects.get().item == item
    question = IdentityQuestion.objects.get()
    assert (question.held, question.differing, question.message_id) == (False, ["birth date"], row.pk)
    assert Alarm.objects.filter(kind="patient-identity", subject=f"patient {question.patient_id}").exists()


@pytest.mark.parametrize("known", [UNSURE, ANOTHER], ids=["unsure", "another"])
def test_a_result_is_held_where_the_site_holds_such_and_taken_once_a_person_knows_them(known: dict[str, str]) -> None:
    item = make_item()
    said = described(patient_of(item))
    Patient.objects.filter(pk=patient_of(item).pk).update(**known)
    Site.objects.update(identity_unsure=Site.HOLD)
    row = take(result(item, *AI, said=said))
    assert (row.answer_code, row.state, row.faults[0][1]) == ("AE", "refused", "PID-3")
    assert not AiFlag.objects.exists()
    question = IdentityQuestion.objects.get()
    assert (question.held, question.message_id) == (True, row.pk)
    web = Client()
    web.force_login(make_user("zzlead", Role.LEAD, sites=(SiteFactory(),)))
    shown = web.get(reverse("orders:identity")).content.decode()
    assert "Held" in shown and reverse("orders:decide-identity", args=[question.pk]) in shown
    decide(same=True)
    assert AiFlag.objects.get().item == item


def test_a_result_that_a_person_says_is_another_persons_stays_refused() -> None:
    item = make_item()
    said = described(patient_of(item))
    Patient.objects.filter(pk=patient_of(item).pk).update(**ANOTHER)
    take(result(item, *AI, said=said))
    decide(same=False)
    assert not AiFlag.objects.exists()


def test_a_clear_stranger_under_the_right_number_is_applied_only_where_the_site_says_so() -> None:
    item = make_item()
    said = described(patient_of(item))
    Patient.objects.filter(pk=patient_of(item).pk).update(**ANOTHER)
    Site.objects.update(identity_another=Site.APPLY)
    assert take(result(item, *AI, said=said)).state == "applied"
    assert AiFlag.objects.exists() and not IdentityQuestion.objects.get().held


def test_a_result_that_came_before_its_exam_and_was_held_is_attached_once_a_person_knows_them() -> None:
    placed = make_order()
    said = described(placed.patient)
    raw = message(msh("ORU^R01", version="2.5.1"), said, obr("P77", fields={18: "ZZLATER1"}), *AI)
    assert take(raw).state == "applied"
    EarlyResult.objects.update(accession=placed.accession)
    Patient.objects.filter(pk=placed.patient_id).update(**ANOTHER)
    perform(placed.procedures.get(), at=NOON - timedelta(minutes=20))
    for _ in range(3):
        deliver_owed(at=NOON + timedelta(minutes=1))
    assert not AiFlag.objects.exists()
    assert IdentityQuestion.objects.get().held
    decide(same=True)
    assert AiFlag.objects.get().item.accession == placed.accession
    assert EarlyResult.objects.get().attached_at is not None
