"""Studies: what an archive holds of an exam (IAN, IHE RAD-49; a poll; a stable-study callback).

First object, completeness, growth after it and withdrawal are four different facts, each with its event.

A device may perform an exam under another Study Instance UID than the ordered one (IHE RAD-6). What was performed wins:
case, report objects and links use the UID under which the images are.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from ris.audit.services import Actor, record
from ris.kernel.db.transactions import lock_name
from ris.kernel.events import emit
from ris.kernel.values import new_uid

from ..events import OrderRevised, StudyArrived, StudyGrown, StudyWithdrawn
from ..models import PerformedStep, RequestedProcedure, Study
from .flags import PERFORMED_UNDER_OTHER_STUDY, add_flag, remove_flags


@transaction.atomic
def note_images(
    study_uid: str,
    *,
    instances: int,
    complete: bool,
    retrieve_ae: str = "",
    attach: bool = True,
    actor: Actor,
    at: datetime,
) -> Study:
    """Write down that ``instances`` objects of this Study Instance UID are in the archive.

    Emits StudyArrived for the first object and for completeness, StudyGrown for more objects after it, to each
    procedure whose images these are. Hearing the same again, or of fewer objects, changes nothing: archives that hold
    a part may tell after one that holds all. ``attach`` false: whose images these are is in doubt, so no procedure gets
    them, and none is told.
    """
    # Several archives may tell of a study at once, and there is no row to lock before the first has written one.
    lock_name(f"study:{study_uid}")
    procedures = _procedures_of(study_uid) if attach else []
    first = procedures[0] if procedures else None
    study, is_new = Study.objects.get_or_create(study_uid=study_uid, defaults={"first_seen_at": at, "procedure": first})
    has_grown = instances > study.instances
    is_newly_complete = complete and study.complete_at is None
    grown_since_complete = has_grown and study.complete_at is not None
    is_newly_known = study.procedure is None and first is not None
    study.procedure = study.procedure or first
    study.retrieve_ae = retrieve_ae or study.retrieve_ae
    study.instances = max(study.instances, instances)
    study.grown_at = at if has_grown or is_new else study.grown_at
    study.complete_at = at if is_newly_complete else study.complete_at
    study.withdrawn_at = None if has_grown else study.withdrawn_at
    study.save()
    if is_new or is_newly_complete or is_newly_known:
        _record(study, "study.arrive", procedures, actor, at)
        _emit_arrived(procedures, study.complete_at is not None, at)
    elif grown_since_complete:
        _record(study, "study.grow", procedures, actor, at)
        _emit_changed(StudyGrown, procedures, study.instances, at)
    return study


@transaction.atomic
def note_withdrawal(study_uid: str, *, instances: int, actor: Actor, at: datetime) -> Study | None:
    """Write down that objects of a study are no longer at hand, and that ``instances`` are left. Emits StudyWithdrawn.

    The study is not whole any more. None when nobody told of the study before: nothing is withdrawn then. Hearing it
    again changes nothing.
    """
    lock_name(f"study:{study_uid}")
    study = Study.objects.filter(study_uid=study_uid).first()
    if study is None or (study.withdrawn_at is not None and instances >= study.instances):
        return study
    study.instances, study.complete_at, study.withdrawn_at = min(study.instances, instances), None, at
    study.save()
    procedures = _procedures_of(study_uid)
    _record(study, "study.withdraw", procedures, actor, at)
    _emit_changed(StudyWithdrawn, procedures, study.instances, at)
    return study


def _procedures_of(study_uid: str) -> list[RequestedProcedure]:
    """Whose images these are: the procedure of that study first, then others performed in it (group case)."""
    either = Q(study_uid=study_uid) | Q(performed_study_uid=study_uid)
    procedures = list(RequestedProcedure.objects.select_related("order").filter(either).order_by("pk"))
    # One whose images were performed in another study has none under its own.
    procedures = [procedure for procedure in procedures if procedure.image_study_uid == study_uid]
    return sorted(procedures, key=lambda procedure: procedure.study_uid != study_uid)


def _emit_arrived(procedures: list[RequestedProcedure], complete: bool, at: datetime) -> None:
    for procedure in procedures:
        order, pk = procedure.order, procedure.pk
        emit(StudyArrived(stream=order.accession, at=at, order_id=order.pk, procedure_id=pk, complete=complete))


def _emit_changed(
    event: type[StudyGrown | StudyWithdrawn], procedures: list[RequestedProcedure], instances: int, at: datetime
) -> None:
    for procedure in procedures:
        order, pk = procedure.order, procedure.pk
        emit(event(stream=order.accession, at=at, order_id=order.pk, procedure_id=pk, instances=instances))


def _record(study: Study, action: str, procedures: list[RequestedProcedure], actor: Actor, at: datetime) -> None:
    patient_id = procedures[0].order.patient_id if procedures else None
    complete = study.complete_at is not None
    record(actor, action, study, patient_id=patient_id, at=at, instances=study.instances, complete=complete)


def adopt_study(procedure: RequestedProcedure, study_uid: str, *, at: datetime) -> bool:
    """Let the procedure have the study that a device made for it; return whether it is another than was known.

    Call before the exam is linked. The procedure takes the Study Instance UID over where it has no images or exams
    under its own and no other procedure has it. Else, as in the group case (one study for several procedures), its
    own stays what was ordered, and ``performed_study_uid`` says where the images are. Where the procedure has images
    or exams under its own already, that one stays: the further performed step names the other.
    """
    if not study_uid or study_uid in (procedure.study_uid, procedure.performed_study_uid):
        attach_study(procedure, at=at)
        return False
    has_images = Study.objects.filter(study_uid=procedure.study_uid).exists()
    exams = PerformedStep.objects.filter(steps__procedure=procedure, study_uid=procedure.study_uid)
    if not has_images and not exams.exists():
        shared = RequestedProcedure.objects.filter(study_uid=study_uid).exclude(pk=procedure.pk).exists()
        _write_uids(procedure, **{"performed_study_uid" if shared else "study_uid": study_uid})
        attach_study(procedure, at=at)
    return True


def give_study(procedure: RequestedProcedure, study_uid: str, *, at: datetime) -> None:
    """Let the procedure have a study that a person says is its own, though its device named another."""
    if study_uid != procedure.study_uid:
        _write_uids(procedure, study_uid=study_uid, performed_study_uid="")
        flag_other_study(procedure, at=at)
    attach_study(procedure, at=at)


def flag_other_study(procedure: RequestedProcedure, *, at: datetime) -> None:
    """Flag the order for a person, and tell whoever was told the ordered UID (IHE RAD-13)."""
    add_flag(procedure.order, PERFORMED_UNDER_OTHER_STUDY)
    emit(OrderRevised(stream=procedure.order.accession, at=at, order_id=procedure.order_id))


def attach_study(procedure: RequestedProcedure, *, at: datetime) -> None:
    """Give the procedure images that came before it was known whose they are, and emit that they are there."""
    if not Study.objects.filter(study_uid=procedure.study_uid, procedure=None).update(procedure=procedure):
        return
    study = Study.objects.get(study_uid=procedure.study_uid)
    order = procedure.order
    complete = study.complete_at is not None
    emit(StudyArrived(stream=order.accession, at=at, order_id=order.pk, procedure_id=procedure.pk, complete=complete))


def release_study(performed: PerformedStep, procedure: RequestedProcedure) -> None:
    """Give the procedure a new Study Instance UID, so that the images can be given to another order.

    Call after the exam is unlinked. Otherwise the next exam of the procedure would be filed among them. A procedure
    that other exams performed keeps its study.
    """
    if PerformedStep.objects.filter(steps__procedure=procedure).exclude(pk=performed.pk).exists():
        return
    uid = performed.study_uid
    if procedure.performed_study_uid and procedure.performed_study_uid == uid:
        _write_uids(procedure, performed_study_uid="")
    elif procedure.study_uid == uid:
        _write_uids(procedure, study_uid=new_uid())
        Study.objects.filter(study_uid=uid, procedure=procedure).update(procedure=None)
    else:
        return
    remove_flags(procedure.order, PERFORMED_UNDER_OTHER_STUDY)


def _write_uids(procedure: RequestedProcedure, **uids: str) -> None:
    RequestedProcedure.objects.filter(pk=procedure.pk).update(version=F("version") + 1, **uids)
    procedure.refresh_from_db(fields=["version", *uids])
