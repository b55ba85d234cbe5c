"""What was done moves the scheduled steps, and is never refused for being unexpected."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ris.kernel.errors import Conflict, NotFound
from ris.kernel.models import Record
from ris.orders import states
from ris.orders.intents import Code, PerformedIntent, ProcedureIntent, StepIntent
from ris.orders.models import RequestedProcedure
from ris.orders.services import (
    cancel_order,
    complete_by_hand,
    complete_exam,
    discontinue_exam,
    note_images,
    start_by_hand,
    start_exam,
)
from ris.orders.services.flags import PERFORMED_THOUGH_CANCELLED
from ris.orders.services.performed_steps import WRONG_ENTRY
from tests.factories import NOON, TESTER, make_order, perform

pytestmark = pytest.mark.django_db


def facts(kind: str) -> int:
    return Record.objects.filter(kind=kind).count()


def begin(procedure: RequestedProcedure, uid: str, *steps: int) -> None:
    ids = steps or tuple(procedure.steps.values_list("pk", flat=True))
    start_exam(PerformedIntent(started_at=NOON, mpps_uid=uid, step_ids=ids), actor=TESTER, at=NOON)


def end(uid: str) -> None:
    complete_exam(uid, ended_at=NOON, actor=TESTER, at=NOON)


def test_an_exam_is_started_and_completed() -> None:
    procedure = make_order().procedures.get()
    begin(procedure, "1.1")
    assert procedure.steps.get().state == states.STARTED
    end("1.1")
    assert procedure.steps.get().state == states.COMPLETED
    assert (facts("ExamStarted"), facts("ExamCompleted")) == (1, 1)


def test_a_procedure_is_complete_when_its_last_step_is() -> None:
    steps = (StepIntent(description="one"), StepIntent(description="two"))
    procedure = make_order(procedures=(ProcedureIntent(code=Code("CTHEADWO"), steps=steps),)).procedures.get()
    first, second = procedure.steps.order_by("pk").values_list("pk", flat=True)
    begin(procedure, "1.1", first)
    end("1.1")
    assert facts("ExamCompleted") == 0
    begin(procedure, "1.2", second)
    discontinue_exam("1.2", ended_at=NOON, actor=TESTER, at=NOON)
    assert facts("ExamCompleted") == 1


def test_one_performed_step_may_do_the_steps_of_several_procedures() -> None:
    order = make_order(procedures=(ProcedureIntent(code=Code("CTHEADWO")), ProcedureIntent(code=Code("CTHEADWO"))))
    steps = [p.steps.get() for p in order.procedures.all()]
    begin(order.procedures.all()[0], "1.1", *(step.pk for step in steps))
    end("1.1")
    assert {step.reread().state for step in steps} == {states.COMPLETED}
    assert facts("ExamCompleted") == 2


def test_several_performed_steps_may_do_one_scheduled_step() -> None:
    procedure = make_order().procedures.get()
    begin(procedure, "1.1")
    begin(procedure, "1.2")
    end("1.1")
    assert procedure.steps.get().state == states.STARTED
    discontinue_exam("1.2", ended_at=NOON, actor=TESTER, at=NOON)
    assert procedure.steps.get().state == states.COMPLETED


def test_a_discontinued_exam_can_be_begun_again() -> None:
    procedure = make_order().procedures.get()
    begin(procedure, "1.1")
    discontinue_exam("1.1", ended_at=NOON, actor=TESTER, at=NOON)
    assert (procedure.steps.get().state, facts("ExamDiscontinued")) == (states.DISCONTINUED, 1)
    begin(procedure, "1.2")
    assert procedure.steps.get().state == states.STARTED


def test_a_wrong_worklist_entry_is_as_if_it_had_not_happened() -> None:
    procedure = make_order().procedures.get()
    begin(procedure, "1.1")
    discontinue_exam("1.1", ended_at=NOON, reason_code=WRONG_ENTRY, actor=TESTER, at=NOON)
    assert (procedure.steps.get().state, facts("ExamDiscontinued")) == (states.SCHEDULED, 0)


def test_an_ended_exam_is_final_and_an_unknown_one_not_found() -> None:
    procedure = make_order().procedures.get()
    begin(procedure, "1.1")
    end("1.1")
    with pytest.raises(Conflict):
        end("1.1")
    with pytest.raises(Conflict):
        begin(procedure, "1.1")
    with pytest.raises(NotFound):
        end("9.9")


def test_a_cancelled_order_that_is_performed_is_flagged_not_refused() -> None:
    order = make_order()
    procedure = order.procedures.get()
    cancel_order(order.pk, reason="no", actor=TESTER, at=NOON)
    begin(procedure, "1.1")
    end("1.1")
    assert PERFORMED_THOUGH_CANCELLED in order.reread().flags


def test_an_unscheduled_exam_is_kept() -> None:
    start_exam(PerformedIntent(started_at=NOON, mpps_uid="1.1", station_ae="CT1"), actor=TESTER, at=NOON)
    end("1.1")
    assert facts("ExamCompleted") == 0


def test_a_technologist_moves_an_exam_by_hand() -> None:
    step = make_order().procedures.get().steps.get()
    start_by_hand(step.pk, actor=TESTER, at=NOON)
    with pytest.raises(Conflict, match="in progress already"):
        start_by_hand(step.pk, actor=TESTER, at=NOON)
    complete_by_hand(step.pk, actor=TESTER, at=NOON + timedelta(minutes=5))
    assert step.reread().state == states.COMPLETED
    with pytest.raises(Conflict, match="not in progress"):
        complete_by_hand(step.pk, actor=TESTER, at=NOON)


def test_first_images_completeness_and_growth_are_different_facts() -> None:
    procedure = make_order().procedures.get()
    perform(procedure)
    uid = procedure.study_uid
    note_images(uid, instances=1, complete=False, actor=TESTER, at=NOON)
    note_images(uid, instances=90, complete=True, actor=TESTER, at=NOON + timedelta(minutes=1))
    study = note_images(uid, instances=120, complete=True, actor=TESTER, at=NOON + timedelta(hours=1))
    assert (study.first_seen_at, study.complete_at) == (NOON, NOON + timedelta(minutes=1))
    assert study.instances == 120
    assert facts("StudyArrived") == 2
