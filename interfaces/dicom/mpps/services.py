"""What an MPPS changes: the exam begins, more is known of it, it ends (IHE RAD-6, RAD-7; PS3.4 F.7.2).

Nothing that a device did is refused. An exam is linked to the steps that the device names where the patient's number is
theirs and the description fits, or the site applies such; else it is kept unlinked and waits for a person among the
exceptions, with an alarm and, where only the description does not fit, a question of identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F
from pydicom.dataset import Dataset

from reporting.writing.supplies import Supply
from ris.audit.services import Actor
from ris.catalog.models import Device
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.doorbell import ring
from ris.kernel.errors import Conflict
from ris.orders import states
from ris.orders.intents import PerformedIntent
from ris.orders.models import PerformedStep
from ris.orders.selectors_performed import MatchedStep, match_steps
from ris.orders.services import complete_exam, discontinue_exam, start_exam
from ris.patients.matching import Fit
from ris.patients.selectors import survivor
from ris.patients.services import IdentityPolicy, ask_identity

from ..models import Mpps, MppsForward, MppsTarget
from ..mwl.date_matching import parse_utc_offset
from ..reconciliation.patient_check import DescribedPatient, compare_described
from ..states import OWED
from ..upper_layer.admission import Caller
from . import dataset as reading
from .dataset import decode_dataset, encode_dataset
from .dose import find_dose_doubts, read_dose

OTHER_PATIENT = "exam-of-another-patient"
"""Alarm: a device performed a step under another patient than the step's. Over when the exam is linked or void."""
UNSCHEDULED = "unscheduled"
FORWARD = "dicom-forward"
"""Doorbell: something may be owed to an MPPS target."""
SPECIFIC_CHARACTER_SET = 0x00080005
"""Comes with every N-SET that has text; it is no change."""


@transaction.atomic
def start_from_mpps(uid: str, dataset: Dataset, caller: Caller, *, at: datetime) -> Mpps:
    """Start the exam that an N-CREATE tells of and keep the dataset. Raises Conflict for a UID that exists."""
    started = reading.read_moment(dataset, "Start", _find_zone(dataset, caller))
    violations = [] if started else ["start date or time unreadable"]
    references = reading.read_references(dataset)
    matched = match_steps(references)
    described = reading.read_patient(dataset)
    linked, doubts = _split_by_patient(matched, described, caller, at)
    violations += doubts or ([] if linked else [UNSCHEDULED])
    # There is one at least: an empty sequence was refused with 0121. The exam is filed under the first.
    first = references[0]
    performed = start_exam(
        PerformedIntent(
            mpps_uid=uid,
            step_ids=tuple(match.step.pk for match in linked),
            step_studies=tuple((match.step.pk, match.study_uid) for match in linked if match.study_uid),
            study_uid=first.study_uid,
            accession=first.accession,
            station_ae=reading.text(dataset, "PerformedStationAETitle")[:16],
            modality=first.modality[:16],
            number=reading.text(dataset, "PerformedProcedureStepID")[:16],
            protocols=reading.read_protocols(dataset),
            started_at=started or at,
        ),
        actor=caller_actor(caller),
        at=at,
    )
    mpps = Mpps.objects.create(
        performed=performed,
        uid=uid,
        dataset=encode_dataset(dataset),
        calling_ae=caller.ae_title[:16],
        patient_id=described.number[:64],
        violations=violations,
        updated_at=at,
    )
    if len(linked) < len(matched):
        raise_alarm(OTHER_PATIENT, alarm_subject(performed), detail="; ".join(doubts)[:200], at=at)
    _enqueue_forwards(mpps, dataset, creates=True, at=at)
    return mpps


def _enqueue_forwards(mpps: Mpps, dataset: Dataset, *, creates: bool, at: datetime) -> None:
    """Queue an N-CREATE or N-SET for every enabled target, in the transaction that stores what the device sent."""
    forwards = [
        MppsForward(mpps=mpps, target=target, creates=creates, dataset=encode_dataset(dataset), due_at=at, state=OWED)
        for target in MppsTarget.objects.filter(enabled=True)
    ]
    if forwards:
        MppsForward.objects.bulk_create(forwards)
        ring(FORWARD)


def _split_by_patient(
    matched: list[MatchedStep], described: DescribedPatient, caller: Caller, at: datetime
) -> tuple[list[MatchedStep], list[str]]:
    """The steps to link, and what is in doubt of their patients and of others'.

    A step of a patient who has not that number, or another name, is not linked. Where birth date or sex do not fit, the
    policy of the order's site says whether it is linked. A person is asked either way.
    """
    linked, doubts, asked = [], [], set[int]()
    for match in matched:
        order = match.step.procedure.order
        doubt = compare_described(described, order.patient)
        is_held = doubt.is_number_foreign
        if doubt.comparison is not None and not is_held:
            # A device copies the name from the worklist: another one is another row of it.
            is_renamed = doubt.comparison.name in (Fit.OTHER, Fit.PART)
            is_held = is_renamed or IdentityPolicy.of(order.site).holds(doubt.comparison.verdict)
            if order.patient_id not in asked:
                asked.add(order.patient_id)
                ask_identity(
                    survivor(order.patient).pk, described.traits, doubt.comparison, source=caller.ae_title,
                    message_id=None, held=is_held, at=at,
                )  # fmt: skip
        if not is_held:
            linked.append(match)
        if doubt.words:
            doubts.append(f"order {order.accession} {'not linked' if is_held else 'linked'}: {', '.join(doubt.words)}")
    return linked, doubts


def alarm_subject(performed: PerformedStep) -> str:
    """What the alarm of an exam under another patient is about, without the patient."""
    return f"{performed.station_ae or 'device'} {performed.accession or performed.mpps_uid}"[:64]


def clear_patient_alarm(performed: PerformedStep, *, at: datetime) -> None:
    """The exam was linked by a person, or broken off: nobody needs to look at its patient any more."""
    clear_alarm(OTHER_PATIENT, alarm_subject(performed), at=at)


@dataclass(frozen=True, slots=True)
class AppliedChanges:
    """What came of an N-SET. ``dropped``: attributes that may not be set, and were not."""

    dropped: tuple[str, ...]


@transaction.atomic
def apply_changes(uid: str, changes: Dataset, status: str, caller: Caller, *, at: datetime) -> AppliedChanges:
    """Take over what an N-SET says, and end the exam where ``status`` is final.

    Raises Mpps.DoesNotExist; Conflict when the exam is over (PS3.4 F.7.2.2.2).
    """
    # Of the MPPS alone: N-SETs of one instance take turns, and nobody else waits for them.
    mpps = Mpps.objects.select_for_update(of=("self",)).select_related("performed").get(uid=uid)
    if mpps.performed.state != states.IN_PROGRESS:
        raise Conflict("The performed procedure step is over.")
    fixed = [element.tag for element in changes if int(element.tag) in reading.NOT_IN_SET and element.value]
    dropped = tuple(str(tag) for tag in fixed if int(tag) != SPECIFIC_CHARACTER_SET)
    whole = merge_changes(mpps, changes)
    violations = [*mpps.violations, *(f"set {tag}" for tag in dropped)]
    protocols = [[code.value, code.text, code.system] for code in reading.read_protocols(whole)]
    PerformedStep.objects.filter(pk=mpps.performed_id).update(protocol_codes=protocols)
    if status in (reading.COMPLETED, reading.DISCONTINUED):
        violations += _end_exam(mpps.performed, whole, status, caller, at)
    else:
        PerformedStep.objects.filter(pk=mpps.performed_id).update(
            series=reading.read_series(whole), dose=read_dose(whole), version=F("version") + 1
        )
    Mpps.objects.filter(pk=mpps.pk).update(
        dataset=encode_dataset(whole),
        revision=F("revision") + 1,
        supplies=reading.read_supplies(whole),
        violations=list(dict.fromkeys(violations)),
        updated_at=at,
    )
    _enqueue_forwards(mpps, changes, creates=False, at=at)
    return AppliedChanges(dropped)


def _end_exam(performed: PerformedStep, whole: Dataset, status: str, caller: Caller, at: datetime) -> list[str]:
    """Complete or discontinue the exam; return what was wrong with what the device said."""
    ended = reading.read_moment(whole, "End", _find_zone(whole, caller))
    series, dose = reading.read_series(whole), read_dose(whole)
    violations = [] if ended else ["end date or time missing"]
    if not series and status == reading.COMPLETED:
        violations.append("completed without a series")
    violations += find_dose_doubts(dose)
    uid, actor, ended_at = performed.mpps_uid, caller_actor(caller), ended or at
    if status == reading.COMPLETED:
        complete_exam(uid, ended_at=ended_at, series=series, dose=dose, actor=actor, at=at)
        return violations
    reason = reading.read_reason_code(whole)[:16]
    discontinue_exam(uid, ended_at=ended_at, reason_code=reason, series=series, dose=dose, actor=actor, at=at)
    clear_patient_alarm(performed, at=at)
    return violations


def merge_changes(mpps: Mpps, changes: Dataset) -> Dataset:
    """The kept dataset with the changes: each attribute replaced whole, the performed series among them."""
    whole = decode_dataset(mpps.dataset)
    for element in changes:
        if int(element.tag) not in reading.NOT_IN_SET:
            whole[element.tag] = element
    return whole


def _find_zone(dataset: Dataset, caller: Caller) -> tzinfo:
    """Whose clock the times are of: what the dataset says (0008,0201), else that of the station's site."""
    station = reading.text(dataset, "PerformedStationAETitle")
    device = Device.objects.select_related("site").filter(ae_title=station).first()
    return parse_utc_offset(reading.text(dataset, "TimezoneOffsetFromUTC")) or ZoneInfo(
        device.site.time_zone if device else caller.time_zone
    )


def caller_actor(caller: Caller) -> Actor:
    """The calling device or archive, for the audit."""
    return Actor.peer(caller.ae_title or caller.address, caller.address)


def list_supplies(performed_ids: Sequence[int]) -> list[Supply]:
    """What devices say was used in these performed steps, in the order of the steps' beginnings."""
    rows = Mpps.objects.filter(performed__in=performed_ids).order_by("performed__started_at", "pk")
    return [
        Supply(
            name=str(entry.get("name") or ""),
            code=str(entry.get("code") or ""),
            quantity=entry.get("quantity"),
            unit=str(entry.get("unit") or ""),
        )
        for supplies in rows.values_list("supplies", flat=True)
        for entry in supplies
        if entry.get("name") or entry.get("code")
    ]
