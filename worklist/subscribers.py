"""What the worklist does when something happened below it, or to itself. Idempotent; database only."""

from __future__ import annotations

from datetime import datetime

from ris.kernel.events import subscribe
from ris.orders.events import (
    ExamCompleted,
    ExamReopened,
    ExamResumed,
    ExamUnlinked,
    OrderCancelled,
    OrderEvent,
    OrderPlaced,
    OrderRevised,
    PatientArrived,
    ProcedureCancelled,
    ProcedureEvent,
    StudyArrived,
    StudyGrown,
    StudyWithdrawn,
)
from ris.orders.models import RequestedProcedure
from ris.patients.events import PatientRevised, PatientsEvent, PatientsMerged, PatientsSeparated, VisitRevised
from ris.people.login.leavers import PersonLeft
from ris.people.models import User

from . import services
from .events import (
    ItemAwaitsSigner,
    ItemEvent,
    ItemOpened,
    ItemReleased,
    ItemRescored,
    ItemResumed,
    ItemSkipped,
    ItemTakenOver,
    RosterChanged,
)
from .models import Notice, ReadingItem
from .services.claims import handover
from .states import FINAL, OPEN


@subscribe(ExamCompleted, StudyArrived, name="worklist.open_item")
def open_when_readable(event: ProcedureEvent) -> None:
    """One subscriber for both, so that of one exam they are told one after the other."""
    services.open_if_readable(event.procedure_id, exam_done=isinstance(event, ExamCompleted), at=event.at)
    if isinstance(event, StudyArrived) and event.complete:
        services.start_clock_by_images(event.procedure_id, at=event.at)
        services.note_whole_again(event.procedure_id)


@subscribe(StudyGrown, StudyWithdrawn, ExamResumed, name="worklist.tell_of_changed_images")
def tell_of_changed_images(event: ProcedureEvent) -> None:
    """Tell whoever reads or signed a case that its images are not those of before."""
    if isinstance(event, StudyGrown):
        services.note_grown_study(event.procedure_id, instances=event.instances, at=event.at)
    elif isinstance(event, StudyWithdrawn):
        services.note_withdrawn_images(event.procedure_id, instances=event.instances, at=event.at)
    elif isinstance(event, ExamResumed):
        services.note_resumed_exam(event.procedure_id, at=event.at)


@subscribe(ExamUnlinked, ExamReopened, name="worklist.close_item_of_unlinked_exam")
def close_when_unlinked(event: ProcedureEvent) -> None:
    """What there is to read is another's, or not done yet; the next end of the exam opens its item again."""
    services.cancel_item(event.procedure_id, at=event.at)
    services.stop_awaiting(event.procedure_id, at=event.at)


@subscribe(OrderRevised, name="worklist.reprice_after_order_revision")
def reprice_on_revision(event: OrderRevised) -> None:
    """Price the items of a revised order anew, and tell their readers."""
    for pk in ReadingItem.objects.filter(procedure__order=event.order_id).values_list("pk", flat=True):
        services.reprice(pk, at=event.at, cause="order revised")
    services.emit_revised(ReadingItem.objects.filter(procedure__order=event.order_id), at=event.at)


@subscribe(PatientRevised, name="worklist.refresh_after_patient_revision")
def show_revised_patient(event: PatientRevised) -> None:
    """Who reads a case sees at once that the patient is called otherwise, or has an allergy."""
    services.emit_revised(ReadingItem.objects.filter(procedure__order__patient=event.patient_id), at=event.at)


@subscribe(OrderPlaced, OrderRevised, name="worklist.plan_priors_of_order")
def plan_priors_of_order(event: OrderEvent) -> None:
    """Again when it is revised: another procedure or side wants other priors. What is read already wants none."""
    unread = RequestedProcedure.objects.exclude(reading_item__state=FINAL).filter(order=event.order_id)
    for pk in unread.values_list("pk", flat=True):
        services.plan_priors(pk, at=event.at)


@subscribe(PatientArrived, name="worklist.plan_priors_at_arrival")
def check_priors_at_arrival(event: PatientArrived) -> None:
    """Plan the priors anew when the patient arrives."""
    services.plan_priors(event.procedure_id, at=event.at)


@subscribe(ProcedureCancelled, name="worklist.cancel_item_of_procedure")
def cancel_with_procedure(event: ProcedureCancelled) -> None:
    """Cancel the reading item of a cancelled procedure."""
    _cancel(event.procedure_id, event.at)


@subscribe(OrderCancelled, name="worklist.cancel_items_of_order")
def cancel_with_order(event: OrderCancelled) -> None:
    """Cancel the reading items of a cancelled order."""
    for pk in RequestedProcedure.objects.filter(order=event.order_id).values_list("pk", flat=True):
        _cancel(pk, event.at)


def _cancel(procedure_id: int, at: datetime) -> None:
    services.cancel_item(procedure_id, at=at)
    services.stop_awaiting(procedure_id, at=at)
    services.cancel_plans(procedure_id, at=at)


@subscribe(ItemOpened, ItemRescored, ItemReleased, ItemResumed, name="worklist.offer_most_urgent")
def push_most_urgent(event: ItemEvent) -> None:
    """Offer a most urgent item to a reader."""
    services.offer_item(event.item_id, at=event.at)


@subscribe(RosterChanged, name="worklist.redistribute_after_roster_change")
def give_out_anew(event: RosterChanged) -> None:
    """Assign items anew when the roster has changed."""
    services.redistribute_from(event.reader_ids, cause=event.what, at=event.at)


@subscribe(
    ItemOpened, ItemRescored, ItemReleased, ItemResumed, ItemSkipped, ItemAwaitsSigner, name="worklist.suggest_reader"
)
def suggest_reader(event: ItemEvent) -> None:
    """Assign an item to a reader by the rules."""
    services.suggest_reader(event.item_id, at=event.at)


@subscribe(ItemTakenOver, name="worklist.notify_of_takeover")
def notify_of_takeover(event: ItemTakenOver) -> None:
    """Tell who lost the case, or who was given it, wherever they are."""
    told, other = (event.reader_id, event.from_reader_id) if event.given else (event.from_reader_id, event.reader_id)
    people = User.objects.in_bulk([told, other])
    if told in people:
        kind = Notice.GIVEN if event.given else Notice.TAKEN
        services.notify(people[told], kind, [event.item_id], by=people.get(other), at=event.at)


@subscribe(PatientsMerged, PatientsSeparated, name="worklist.merge_conflicts")
def carry_conflicts(event: PatientsEvent) -> None:
    """Who is not to read a patient's exams is not to read them under the other number either."""
    if isinstance(event, PatientsMerged):
        services.copy_conflicts(event.retired_id, event.patient_id, merge_id=event.merge_id)
    elif isinstance(event, PatientsSeparated):
        services.take_back_conflicts(event.merge_id)


@subscribe(ItemOpened, name="worklist.write_list_entry")
def list_opened_item(event: ItemOpened) -> None:
    """Have lists find and sort the new case."""
    services.write_list_entries([event.item_id])


@subscribe(OrderRevised, StudyArrived, StudyGrown, StudyWithdrawn, name="worklist.rewrite_list_entry_of_order")
def list_revised_order(event: OrderEvent) -> None:
    """Have lists find and sort by what the order says now, and by how complete its images are."""
    items = ReadingItem.objects.filter(procedure__order=event.order_id, state__in=OPEN)
    services.write_list_entries(items.values_list("pk", flat=True))


@subscribe(PatientRevised, name="worklist.rewrite_list_entries_of_patient")
def list_revised_patient(event: PatientRevised) -> None:
    """Have lists find and sort by what the patient is called now."""
    _rewrite_entries_of(event.patient_id)


@subscribe(PatientsMerged, PatientsSeparated, name="worklist.rewrite_list_entries_of_merge")
def list_merged_patients(event: PatientsEvent) -> None:
    """As after a revision, of both records where two came of one again."""
    restored = [event.restored_id] if isinstance(event, PatientsSeparated) else []
    _rewrite_entries_of(event.patient_id, *restored)


@subscribe(VisitRevised, name="worklist.rewrite_list_entries_of_visit")
def list_revised_visit(event: VisitRevised) -> None:
    """Have lists find and sort by where the patient lies now."""
    _rewrite_entries_of(event.patient_id)


def _rewrite_entries_of(*patients: int) -> None:
    items = ReadingItem.objects.filter(procedure__order__patient__in=patients, state__in=OPEN)
    services.write_list_entries(items.values_list("pk", flat=True))


@subscribe(VisitRevised, name="worklist.reprice_after_visit_revision")
def reprice_on_visit(event: VisitRevised) -> None:
    """A patient who is admitted, or about to leave, is read for sooner."""
    waiting = ReadingItem.objects.filter(procedure__order__visit=event.visit_id, state__in=OPEN)
    for pk in waiting.values_list("pk", flat=True):
        services.reprice(pk, at=event.at, cause="visit changed")
    services.emit_revised(waiting, at=event.at)


@subscribe(PersonLeft, name="worklist.hand_over_of_leaver")
def hand_over_of_leaver(event: PersonLeft) -> None:
    """What somebody holds who works here no more goes to a lead, drafts and all."""
    handover.hand_over_of_leaver(event.user_id, at=event.at)
