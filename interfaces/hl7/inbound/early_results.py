"""Results attached to a case, or kept until the case opens: they may come before the order, or before the exam ends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Model, Q

from reporting.dictation import take_dictation
from ris.audit.actor import Actor
from ris.kernel.errors import NotFound, Refusal
from ris.people.models import User
from worklist.models import ReadingItem
from worklist.services import note_ai_result

from ..models import EarlyResult

Said = dict[str, Any]


def keep(kind: str, said: Said, *, accession: str, study_uid: str, message_id: int | None) -> EarlyResult:
    """Keep a result for the case to come."""
    return EarlyResult.objects.create(
        kind=kind, said=said, accession=accession, study_uid=study_uid, message_id=message_id
    )


def attach(item: ReadingItem, kind: str, said: Said, *, actor: Actor, at: datetime) -> Model:
    """Give a result to its case. Refusals as the services of worklist and reporting."""
    if kind == "dictation":
        author = author_of(said["author"])
        return take_dictation(item.pk, author=author, sections=said["sections"], actor=actor, at=at)
    result_at = datetime.fromisoformat(said["result_at"])
    note_ai_result(
        item.pk,
        vendor=said["vendor"][:40],
        code=said["code"],
        positive=said["positive"],
        score=said.get("score"),
        result_at=result_at,
        expires_at=datetime.fromisoformat(said["expires_at"]) if said.get("expires_at") else None,
        actor=actor,
        at=max(at, result_at),  # it came after the exam ended and before the case was seen to be open
    )
    return item


def author_of(number: str) -> User:
    """The user of that national identifier or user name. Raises NotFound."""
    found = User.objects.filter(Q(npi=number) | Q(username=number), is_active=True).order_by("pk").first()
    if found is None:
        raise NotFound("Nobody here has the identifier of who dictated it.", at="OBR-32", code="204")
    return found


def attach_early(item: ReadingItem, *, at: datetime) -> None:
    """Attach what was kept for this case. What can no longer be attached stays kept, for a person to see."""
    about = Q(study_uid=item.procedure.study_uid) | Q(study_uid="", accession=item.accession)
    for early in EarlyResult.objects.filter(about, attached_at=None).order_by("pk"):
        try:
            attach(item, early.kind, early.said, actor=Actor.job("hl7"), at=at)
        except Refusal:
            continue
        EarlyResult.objects.filter(pk=early.pk).update(attached_at=at)
