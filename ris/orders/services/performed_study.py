"""The study under which an exam was performed, where the device used another than the ordered one (IHE RAD-6).

What was performed wins: case, report objects and links use the Study Instance UID under which the images are.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import F

from ris.kernel.events import emit
from ris.kernel.values import new_uid

from ..events import OrderRevised, StudyArrived
from ..models import PerformedStep, RequestedProcedure, Study
from .flags import PERFORMED_UNDER_OTHER_STUDY, add_flag, remove_flags


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
        _write(procedure, **{"performed_study_uid" if shared else "study_uid": study_uid})
        attach_study(procedure, at=at)
    return True


def give_study(procedure: RequestedProcedure, study_uid: str, *, at: datetime) -> None:
    """Let the procedure have a study that a person says is its own, though its device named another."""
    if study_uid != procedure.study_uid:
        _write(procedure, study_uid=study_uid, performed_study_uid="")
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
        _write(procedure, performed_study_uid="")
    elif procedure.study_uid == uid:
        _write(procedure, study_uid=new_uid())
        Study.objects.filter(study_uid=uid, procedure=procedure).update(procedure=None)
    else:
        return
    remove_flags(procedure.order, PERFORMED_UNDER_OTHER_STUDY)


def _write(procedure: RequestedProcedure, **uids: str) -> None:
    RequestedProcedure.objects.filter(pk=procedure.pk).update(version=F("version") + 1, **uids)
    procedure.refresh_from_db(fields=["version", *uids])
