"""Studies: images of an exam are known to be in an archive (IAN, IHE RAD-49; or the archive's own word)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.db.locks import lock_name
from ris.kernel.events import emit

from ..events import StudyArrived
from ..models import RequestedProcedure, Study


@transaction.atomic
def note_images(
    study_uid: str, *, instances: int, complete: bool, retrieve_ae: str = "", actor: Actor, at: datetime
) -> Study:
    """Write down that images of this Study Instance UID are in the archive.

    The first object, completeness and later growth are different facts; the first two are emitted as
    StudyArrived when the study belongs to a procedure. Hearing the same again changes nothing.
    """
    # Several archives may tell of a study at once, and there is no row to lock before the first has written one.
    lock_name(f"study:{study_uid}")
    procedure = RequestedProcedure.objects.select_related("order").filter(study_uid=study_uid).first()
    study, is_new = Study.objects.get_or_create(
        study_uid=study_uid, defaults={"first_seen_at": at, "procedure": procedure}
    )
    is_newly_complete = complete and study.complete_at is None
    study.procedure = study.procedure or procedure
    study.instances = max(study.instances, instances)
    study.retrieve_ae = retrieve_ae or study.retrieve_ae
    study.complete_at = at if is_newly_complete else study.complete_at
    study.save()
    if is_new or is_newly_complete:
        patient_id = procedure.order.patient_id if procedure else None
        record(actor, "study.arrive", study, patient_id=patient_id, at=at, instances=instances, complete=complete)
        if procedure:
            order = procedure.order
            emit(
                StudyArrived(
                    stream=order.accession,
                    at=at,
                    order_id=order.pk,
                    procedure_id=procedure.pk,
                    complete=study.complete_at is not None,
                )
            )
    return study
