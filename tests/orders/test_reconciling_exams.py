from __future__ import annotations

from datetime import timedelta

import pytest

from ris.audit.models import AuditEvent
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.models import Record
from ris.orders import states
from ris.orders.intents import PerformedIntent
from ris.orders.models import Order, PerformedStep, RequestedProcedure, ScheduledStep, Study
from ris.orders.selectors_performed import suggest_steps
from ris.orders.services import complete_exam, link_exam, note_images, start_exam, unlink_exam
from tests.factories import NOON, TESTER, PatientFactory, make_order, perform

pytestmark = pytest.mark.django_db


def unscheduled(*, complete: bool = True, accession: str = "") -> PerformedStep:
    intent = PerformedIntent(started_at=NOON, study_uid="2.25.77", station_ae="CT1", modality="CT", accession=accession)
    performed = start_exam(intent, actor=TESTER, at=NOON)
    return complete_exam(performed.mpps_uid, ended_at=NOON, actor=TESTER, at=NOON) if complete else performed


def step_of(order: Order) -> ScheduledStep:
    return ScheduledStep.objects.get(procedure__order=order)


def test_a_linked_exam_completes_the_step_and_keeps_its_study() -> None:
    order = make_order()
    performed = unscheduled()
    note_images("2.25.77", instances=4, complete=True, actor=TESTER, at=NOON)

    link_exam(performed.pk, [step_of(order).pk], actor=TESTER, at=NOON)

    procedure = RequestedProcedure.objects.get(order=order)
    assert step_of(order).state == states.COMPLETED
    assert procedure.study_uid == "2.25.77"
    assert Study.objects.get().procedure == procedure
    assert list(PerformedStep.objects.filter(steps=None)) == []
    kinds = list(Record.objects.filter(stream=order.accession).values_list("kind", flat=True))
    assert kinds == ["OrderPlaced", "StudyArrived", "OrderRevised", "ExamStarted", "ExamCompleted"]
    assert AuditEvent.objects.filter(action="exam.link", patient=order.patient).exists()


def test_an_exam_in_progress_starts_the_step() -> None:
    order = make_order()
    link_exam(unscheduled(complete=False).pk, [step_of(order).pk], actor=TESTER, at=NOON)
    assert step_of(order).state == states.STARTED


def test_an_order_with_images_of_its_own_keeps_its_study() -> None:
    order = make_order()
    own = order.procedures.get().study_uid
    note_images(own, instances=1, complete=False, actor=TESTER, at=NOON)
    link_exam(unscheduled().pk, [step_of(order).pk], actor=TESTER, at=NOON)
    assert order.procedures.get().study_uid == own


def test_an_exam_is_linked_once_and_to_one_patient() -> None:
    first, second = make_order(), make_order()
    performed = unscheduled()
    with pytest.raises(Invalid):
        link_exam(performed.pk, [step_of(first).pk, step_of(second).pk], actor=TESTER, at=NOON)
    with pytest.raises(Invalid):
        link_exam(performed.pk, [], actor=TESTER, at=NOON)
    link_exam(performed.pk, [step_of(first).pk], actor=TESTER, at=NOON)
    with pytest.raises(Conflict):
        link_exam(performed.pk, [step_of(second).pk], actor=TESTER, at=NOON)


def test_an_unlinked_exam_waits_again_and_so_does_its_step() -> None:
    order = make_order()
    performed = perform(order.procedures.get())
    unlink_exam(performed.pk, reason="wrong patient chosen", actor=TESTER, at=NOON)
    assert step_of(order).state == states.SCHEDULED
    assert list(PerformedStep.objects.filter(steps=None)) == [performed]
    assert Record.objects.filter(kind="ExamUnlinked", stream=order.accession).exists()
    with pytest.raises(Conflict):
        unlink_exam(performed.pk, reason="again", actor=TESTER, at=NOON)


def test_an_unlinked_exam_keeps_its_images_and_can_be_given_to_the_right_order() -> None:
    wrong, right = make_order(), make_order()
    performed = perform(wrong.procedures.get())
    made_under = performed.study_uid
    note_images(made_under, instances=4, complete=True, actor=TESTER, at=NOON)

    unlink_exam(performed.pk, reason="wrong patient chosen", actor=TESTER, at=NOON)
    assert wrong.procedures.get().study_uid not in ("", made_under)
    assert Study.objects.get().procedure is None

    link_exam(performed.pk, [step_of(right).pk], actor=TESTER, at=NOON)
    assert right.procedures.get().study_uid == made_under
    assert Study.objects.get().procedure == right.procedures.get()


def test_a_step_that_another_exam_performed_too_stays_completed() -> None:
    order = make_order()
    first = perform(order.procedures.get())
    perform(order.procedures.get())
    unlink_exam(first.pk, reason="wrong patient chosen", actor=TESTER, at=NOON)
    assert step_of(order).state == states.COMPLETED
    assert order.procedures.get().study_uid == first.study_uid


def test_orders_are_suggested_by_accession_patient_modality_and_time() -> None:
    patient = PatientFactory(number="T7")
    far = make_order(patient=patient, at=NOON + timedelta(days=30))
    same = make_order(patient=patient, at=NOON + timedelta(hours=1))
    other = make_order(at=NOON + timedelta(minutes=5))
    named = make_order(at=NOON + timedelta(days=60))

    found = suggest_steps(unscheduled(accession=named.accession), patient_number="T7")

    assert [s.step.procedure.order for s in found] == [named, same, far, other]
    assert "same patient" in found[1].why
