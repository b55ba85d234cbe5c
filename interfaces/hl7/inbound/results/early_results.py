"""Results attached to a case, or kept until the case opens: they may come before the order, or before the exam ends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Model, Q

from reporting.services.dictation import take_dictation
from ris.audit.services import Actor
from ris.kernel.alarms import raise_alarm
from ris.kernel.errors import NotFound, Refusal
from ris.orders.services.placement import accession_within
from ris.patients.services import IdentityDoubt, ask_identity
from ris.people.models import User
from worklist.models import ReadingItem
from worklist.services import note_ai_result, withdraw_ai_result

from ...models import EarlyResult
from .findings import Finding
from .ownership import OTHER_PATIENT, Person, settle_person
from .texts import Dictation

EARLY = "a result that came before its exam"
"""Who asked, in questions of identity: the sender stands in the message."""
UNATTACHED_ALARM = "HL7 result not attached"


def keep(
    result: Finding | Dictation, person: Person | None, *, accession: str, study_uid: str, message_id: int | None
) -> EarlyResult:
    """Keep a result, and who PID says it is of, for the case to come."""
    content: dict[str, Any] = result.to_json()
    if person is not None:
        content["person"] = person.to_json()
    kind = "dictation" if isinstance(result, Dictation) else "ai"
    return EarlyResult.objects.create(
        kind=kind, said=content, accession=accession, study_uid=study_uid, message_id=message_id
    )


def attach(item: ReadingItem, result: Finding | Dictation, *, actor: Actor, at: datetime) -> Model | None:
    """Give a result to its case; None when it was there already. Refusals as the services of worklist and reporting."""
    if isinstance(result, Dictation):
        author = author_of(result.author)
        return take_dictation(
            item.pk, author=author, sections=result.sections, status=result.status, actor=actor, at=at
        )
    vendor, code = result.vendor[:40], result.code
    if result.withdrawn:
        return item if withdraw_ai_result(item.pk, vendor=vendor, code=code, actor=actor, at=at) else None
    note_ai_result(
        item.pk,
        vendor=vendor,
        code=code,
        positive=result.positive,
        score=result.score,
        result_at=result.result_at,
        expires_at=result.expires_at,
        actor=actor,
        at=max(at, result.result_at),  # it came after the exam ended and before the case was seen to be open
    )
    return item


def find_author(number: str) -> User | None:
    """The user of that national identifier or user name."""
    return User.objects.filter(Q(npi=number) | Q(username=number), is_active=True).order_by("pk").first()


def author_of(number: str) -> User:
    """The same. Raises NotFound."""
    author = find_author(number)
    if author is None:
        raise NotFound("Nobody here has the identifier of who dictated it.", at="OBR-32", code="204")
    return author


def attach_early(item: ReadingItem, *, at: datetime) -> None:
    """Attach what was kept for this case. What is another patient's, or can no longer be attached, stays kept, and an
    alarm tells people of it."""
    numbers = [item.accession]
    filler = item.procedure.order.sender_filler_number
    if not accession_within(filler):  # a shorter one might be another order's accession number
        numbers.append(filler)
    about = Q(study_uid=item.procedure.study_uid) | Q(study_uid="", accession__in=filter(None, numbers))
    # In the order in which they came: a later one may correct or withdraw an earlier one.
    for early in EarlyResult.objects.filter(about, attached_at=None).order_by("pk"):
        reason = _attach_kept(early, item, at)
        if reason:
            raise_alarm(UNATTACHED_ALARM, item.accession, detail=f"Message {early.message_id}: {reason}", at=at)
        else:
            EarlyResult.objects.filter(pk=early.pk).update(attached_at=at)


def _attach_kept(early: EarlyResult, item: ReadingItem, at: datetime) -> str:
    """Why it was not attached; empty when it was."""
    person = Person.from_json(early.said["person"]) if early.said.get("person") else None
    result = Dictation.from_json(early.said) if early.kind == "dictation" else Finding.from_json(early.said)
    order = item.procedure.order
    try:
        if person is not None:
            settle_person(person, order, source=EARLY, message_id=early.message_id, at=at)
        attach(item, result, actor=Actor.job("hl7"), at=at)
    except IdentityDoubt as doubt:
        ask_identity(
            doubt.patient_id, doubt.traits, doubt.comparison, source=EARLY, message_id=early.message_id, held=True,
            at=at,
        )  # fmt: skip
        return OTHER_PATIENT
    except Refusal as refusal:
        return refusal.detail
    return ""


def _named(number: str) -> Q:
    if accession_within(number):
        return Q(accession=number)
    return Q(procedure__order__sender_filler_number=number)


def attach_recognised(message_id: int, *, at: datetime) -> None:
    """A person has said that PID of that message is the exam's patient: attach what was kept of it."""
    for early in EarlyResult.objects.filter(message_id=message_id, attached_at=None).order_by("pk"):
        about = Q(procedure__study_uid=early.study_uid) if early.study_uid else _named(early.accession)
        for item in ReadingItem.objects.select_related("procedure__order").filter(about).order_by("pk")[:1]:
            attach_early(item, at=at)
