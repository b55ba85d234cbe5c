"""A revision writes what was said and leaves the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ris.kernel.errors import Conflict
from ris.orders import states
from ris.orders.intents import Code, OrderIntent, ProcedureIntent, StepIntent
from ris.orders.models import Order
from ris.orders.services import cancel_order, reschedule_step, revise_order
from tests.factories import NOON, TESTER, DeviceFactory, PatientFactory, ProcedureFactory, make_order, perform

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=2)


def revise(order: Order, *procedures: ProcedureIntent, **said: object) -> Order:
    intent = OrderIntent(site_id=order.site_id, patient_id=order.patient_id, source="test", procedures=procedures)
    return revise_order(order.pk, replace(intent, **said), actor=TESTER, at=NOON)


def test_what_was_not_said_stays() -> None:
    order = make_order(reason="fall", priority="STAT")
    after = revise(order, clinical_info="on warfarin")
    assert (after.reason, after.priority, after.clinical_info) == ("fall", "STAT", "on warfarin")
    assert after.version > order.version


def test_a_waiting_step_is_moved_and_a_begun_one_keeps_its_schedule() -> None:
    order = make_order()
    moved = ProcedureIntent(code=Code("CTHEADWO"), steps=(StepIntent(start=LATER),))
    revise(order, moved)
    step = order.procedures.get().steps.get()
    assert step.start == LATER
    perform(order.procedures.get(), complete=False)
    revise(order, replace(moved, steps=(StepIntent(start=LATER + timedelta(days=1)),)))
    assert step.reread().start == LATER


def test_a_changed_code_changes_the_procedure_in_place() -> None:
    ProcedureFactory(code="CTHEADW", name="CT head with contrast")
    order = make_order()
    before = order.procedures.get()
    revise(order, ProcedureIntent(code=Code("CTHEADW")))
    after = order.procedures.get()
    assert (after.pk, after.study_uid, after.code_text) == (before.pk, before.study_uid, "CT head with contrast")


def test_a_procedure_not_seen_before_is_added_and_one_not_named_stays() -> None:
    order = make_order()
    revise(order, ProcedureIntent(code=Code("CTHEADWO"), number="EXTRA"))
    assert order.procedures.filter(state=states.ACTIVE).count() == 2


def test_a_cancelled_order_is_not_revised_and_another_patients_neither() -> None:
    order = make_order()
    with pytest.raises(Conflict, match="another patient"):
        revise(order, patient_id=PatientFactory().pk)
    cancel_order(order.pk, reason="no", actor=TESTER, at=NOON)
    with pytest.raises(Conflict, match="cancelled"):
        revise(order, reason="late")


def test_a_step_is_rescheduled_to_a_device_that_can_do_it_only() -> None:
    other, wrong = DeviceFactory(ae_title="CT2"), DeviceFactory(ae_title="MR1", modality="MR")
    step = make_order().procedures.get().steps.get()
    moved = reschedule_step(step.pk, start=LATER, device_id=other.pk, actor=TESTER, at=NOON)
    assert (moved.start, moved.device, moved.station_aes) == (LATER, other, ["CT2"])
    with pytest.raises(Exception, match="same site and modality"):
        reschedule_step(step.pk, start=LATER, device_id=wrong.pk, actor=TESTER, at=NOON)
    perform(step.procedure)
    with pytest.raises(Conflict):
        reschedule_step(step.pk, start=LATER, device_id=other.pk, actor=TESTER, at=NOON)
