"""AI orchestration: which algorithm is given which exam, when its case is read, and what its result ends.

An exam that completes becomes a workitem for each algorithm whose rule fits. A case that is to be read after the
algorithm is opened once no such workitem is left: it was completed, cancelled, or its time is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from ris.audit.services import Actor
from ris.kernel.errors import Conflict
from ris.kernel.values import new_uid
from ris.orders.models import RequestedProcedure
from worklist import services as worklist

from .. import states
from ..models import AiAlgorithm, Archive, Workitem
from .dataset import (
    ACCESSION,
    INPUT,
    PRIORITY,
    READINESS,
    REQUESTS,
    START,
    STEP_LABEL,
    STUDY_UID,
    WORKITEM_CODE,
    WORKLIST_LABEL,
    Json,
    attribute,
    moment,
)
from .services import add_workitem, cancel_scheduled, cancel_unfinished, complete_by_result
from .subscription import STATE_REPORT, state_of, tell_subscribers

RULES = Actor.job("orchestration")
PRIORITIES = {"STAT": "HIGH", "HIGH": "HIGH", "MEDIUM": "MEDIUM", "ROUTINE": "MEDIUM"}
AT_ONCE = "STAT"
"""Priority of an order whose case waits for no algorithm."""


def algorithms_for(procedure: RequestedProcedure) -> list[AiAlgorithm]:
    """The algorithms that are given an exam, by name."""
    here = Q(site=procedure.order.site_id) | Q(site=None)
    rows = AiAlgorithm.objects.filter(here, enabled=True).order_by("name")
    return [row for row in rows if _fits(row, procedure)]


def _fits(algorithm: AiAlgorithm, procedure: RequestedProcedure) -> bool:
    kind = procedure.procedure
    return (
        (not algorithm.modalities or procedure.modality in algorithm.modalities)
        and (not algorithm.regions or (kind is not None and kind.body_region in algorithm.regions))
        and (not algorithm.procedures or procedure.code in algorithm.procedures)
    )


def give_exam(procedure_id: int, *, at: datetime) -> list[Workitem]:
    """Make the workitems of a completed exam; those that there are already are left as they are. Idempotent."""
    if not AiAlgorithm.objects.filter(enabled=True).exists():
        return []
    procedure = _loaded(procedure_id)
    made = []
    for algorithm in algorithms_for(procedure):
        if Workitem.objects.filter(procedure=procedure, algorithm=algorithm).exclude(state=states.CANCELED).exists():
            continue
        until = at + timedelta(minutes=algorithm.expires_minutes)
        made.append(
            add_workitem(
                _dataset(algorithm, procedure, at),
                new_uid(),
                site=procedure.order.site,
                procedure=procedure,
                algorithm=algorithm,
                expires_at=until,
                actor=RULES,
                at=at,
            )
        )
    return made


def _loaded(procedure_id: int) -> RequestedProcedure:
    rows = RequestedProcedure.objects.select_related("order__site", "order__patient", "procedure", "study")
    return rows.get(pk=procedure_id)


def _dataset(algorithm: AiAlgorithm, procedure: RequestedProcedure, at: datetime) -> Json:
    order, patient = procedure.order, procedure.order.patient
    number = patient.identifiers.order_by("pk").first()
    born = patient.birth_date
    code: Json = {
        "00080100": attribute("SH", algorithm.code),
        "00080102": attribute("SH", algorithm.code_system),
        "00080104": attribute("LO", algorithm.code_meaning),
    }
    request: Json = {
        STUDY_UID: attribute("UI", procedure.study_uid),
        ACCESSION: attribute("SH", order.accession),
        "00401001": attribute("SH", procedure.number),
        "00321060": attribute("LO", procedure.code_text or procedure.code),
    }
    return {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": f"{patient.family_name}^{patient.given_name}"}]},
        "00100020": attribute("LO", number.value if number else ""),
        "00100030": attribute("DA", born.strftime("%Y%m%d") if born else ""),
        "00100040": attribute("CS", patient.sex),
        STEP_LABEL: attribute("LO", algorithm.name),
        WORKLIST_LABEL: attribute("LO", algorithm.label),
        PRIORITY: attribute("CS", PRIORITIES.get(order.priority, "MEDIUM")),
        START: attribute("DT", moment(at)),
        WORKITEM_CODE: {"vr": "SQ", "Value": [code]},
        READINESS: attribute("CS", "READY" if _is_whole(procedure) else "INCOMPLETE"),
        REQUESTS: {"vr": "SQ", "Value": [request]},
        INPUT: {"vr": "SQ", "Value": _input(procedure)},
    }


def _is_whole(procedure: RequestedProcedure) -> bool:
    study = getattr(procedure, "study", None)
    return study is not None and study.complete_at is not None


def _input(procedure: RequestedProcedure) -> list[Json]:
    """The study, and where it is got: every archive with a DICOMweb address."""
    uid = procedure.performed_study_uid or procedure.study_uid
    archives = Archive.objects.filter(enabled=True).exclude(dicomweb="").order_by("pk")
    places = [{"00081190": attribute("UR", f"{one.dicomweb.rstrip('/')}/studies/{uid}")} for one in archives]
    item: Json = {"0040E020": attribute("CS", "DICOM"), STUDY_UID: attribute("UI", uid)}
    return [item | ({"0040E025": {"vr": "SQ", "Value": places}} if places else {})]


@transaction.atomic
def note_ready(procedure_id: int, *, at: datetime) -> int:
    """All images of an exam are there: its workitems are READY; how many became so."""
    changed = 0
    for item in Workitem.objects.select_for_update(of=("self",)).filter(
        procedure=procedure_id, algorithm__isnull=False, state=states.SCHEDULED
    ):
        if item.dataset.get(READINESS) != attribute("CS", "READY"):
            item.dataset = item.dataset | {READINESS: attribute("CS", "READY")}
            item.changed_at, item.version = at, item.version + 1
            item.save(update_fields=["dataset", "changed_at", "version"])
            tell_subscribers(item, STATE_REPORT, state_of(item), at=at)
            changed += 1
    return changed


def take_back(procedure_id: int, *, at: datetime) -> int:
    """The exam is not what it was taken for: cancel what nobody has begun of its algorithms; how many."""
    rows = Workitem.objects.filter(procedure=procedure_id, algorithm__isnull=False, state=states.SCHEDULED)
    return len([cancel_scheduled(item, "The exam was withdrawn", actor=RULES, at=at) for item in rows])


def is_held(procedure_id: int, at: datetime) -> bool:
    """Whether the case of an exam is not opened yet, since an algorithm is to be done first."""
    if not AiAlgorithm.objects.filter(enabled=True, waits=True).exists():
        return False
    procedure = _loaded(procedure_id)
    if procedure.order.priority == AT_ONCE:
        return False
    for algorithm in algorithms_for(procedure):
        if algorithm.waits:
            items = Workitem.objects.filter(procedure=procedure, algorithm=algorithm)
            newest = items.order_by("-pk").first()
            # None yet: the workitem is made by the same event that asks here.
            if newest is None or (newest.state in states.UNFINISHED_WORK and not _is_over(newest, at)):
                return True
    return False


def _is_over(item: Workitem, at: datetime) -> bool:
    return item.expires_at is not None and item.expires_at <= at


def open_case(procedure_id: int, *, at: datetime) -> None:
    """Open the case of an exam whose last workitem ended; nothing happens while another is awaited."""
    worklist.open_if_readable(procedure_id, exam_done=True, at=at)


@transaction.atomic
def complete_work_of(procedure_id: int, vendor: str, *, actor: Actor, at: datetime) -> bool:
    """The result of an algorithm came: its workitem is completed and the case opened; whether there was one."""
    rows = Workitem.objects.select_related("procedure__order").filter(
        procedure=procedure_id, algorithm__name__iexact=vendor, state__in=states.UNFINISHED_WORK
    )
    item = rows.first()
    if item is None:
        return False
    complete_by_result(item, actor=actor, at=at)
    open_case(procedure_id, at=at)
    return True


def cancel_all_overdue(*, at: datetime, limit: int = 200) -> int:
    """Cancel workitems whose time is over, and open the cases that waited for them; how many."""
    rows = Workitem.objects.select_related("procedure__order").filter(
        state__in=states.UNFINISHED_WORK, expires_at__lte=at
    )
    done = 0
    for item in list(rows.order_by("expires_at")[:limit]):
        try:
            with transaction.atomic():
                cancel_unfinished(item, "The result did not come in time", actor=RULES, at=at)
                if item.procedure_id:
                    open_case(item.procedure_id, at=at)
                done += 1
        except Conflict:  # it was completed at this moment
            continue
    return done
