"""Studies: what an archive holds of an exam (IAN, IHE RAD-49; a poll; a stable-study callback).

First object, completeness, growth after it and withdrawal are four different facts, each with its event.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from ris.audit.services import Actor, record
from ris.kernel.db.transactions import lock_name
from ris.kernel.events import emit

from ..events import StudyArrived, StudyGrown, StudyWithdrawn
from ..models import RequestedProcedure, Study


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
