"""Reports made elsewhere: kept as they came, found beside the priors of their patient."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from ris.access.visibility import emergency_patients, not_confidential, open_rows
from ris.audit.services import Actor, record
from ris.kernel.clock import now
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Invalid, NotFound
from ris.orders.models import Order, RequestedProcedure
from ris.orders.selectors import orders_of_referrer
from ris.patients.models import Patient
from ris.people.models import User
from ris.people.roles import Can, Role
from ris.people.selectors import has_role, permissions_of, sites_for

from ..models import OutsideDocument

WITHDRAWN = "D"


@dataclass(frozen=True, kw_only=True)
class DocumentIntent:
    """A document as it was read. ``status``: P, F, C, or D: its sender takes it back. ``dated_at`` is aware.

    ``replaces``: number of the document of the same sender whose place it takes.
    """

    source: str
    number: str
    title: str
    author: str
    media_type: str
    content: bytes
    status: str
    dated_at: datetime
    replaces: str = ""


@transaction.atomic
def keep_document(
    intent: DocumentIntent,
    *,
    patient: Patient,
    procedure: RequestedProcedure | None,
    accession: str,
    actor: Actor,
    at: datetime,
) -> OutsideDocument | None:
    """Keep a document; None when it is there already, word for word.

    The same number of the same sender again takes the place of the earlier one, which stays as a row; an older one that
    comes late does not. Status D withdraws all of that number. Raises NotFound for a withdrawal of nothing.
    """
    # Two copies of a document at once would both find nothing and both be kept.
    lock_name(f"document:{intent.source}:{intent.number}")
    standing = OutsideDocument.objects.filter(
        source=intent.source, number=intent.number, patient=patient, replaced_at=None, withdrawn_at=None
    )
    if intent.status == WITHDRAWN:
        return _withdraw(standing, intent, actor, at)
    digest = hashlib.sha256(intent.content).hexdigest()
    same_kind = standing.filter(media_type=intent.media_type)
    if same_kind.filter(sha256=digest, status=intent.status).exists():
        return None
    # Without a number there is no telling which document it replaces.
    later = same_kind.filter(dated_at__gt=intent.dated_at).exists() if intent.number else False
    if intent.number and not later:
        same_kind.update(replaced_at=at)
    if intent.replaces:
        OutsideDocument.objects.filter(
            source=intent.source, number=intent.replaces, patient=patient, replaced_at=None
        ).update(replaced_at=at)
    document = OutsideDocument.objects.create(
        patient=patient, procedure=procedure, accession=accession, source=intent.source, number=intent.number,
        title=intent.title, author=intent.author, media_type=intent.media_type, content=intent.content, sha256=digest,
        status=intent.status, dated_at=intent.dated_at, received_at=at, replaced_at=at if later else None,
    )  # fmt: skip
    record(actor, "document.keep", document, patient_id=patient.pk, at=at, status=intent.status)
    return document


def _withdraw(
    standing: QuerySet[OutsideDocument], intent: DocumentIntent, actor: Actor, at: datetime
) -> OutsideDocument:
    if not intent.number:
        raise Invalid("Say which document is withdrawn: OBR-3 is empty.", at="OBR-3", code="required")
    document = standing.first()
    if document is None:
        raise NotFound("There is no document of this number to withdraw.", at="OBR-3")
    standing.update(withdrawn_at=at)
    record(actor, "document.withdraw", document, patient_id=document.patient_id, at=at)
    return document


def documents_of(viewer: User, patient: Patient) -> QuerySet[OutsideDocument]:
    """What was made elsewhere about the patient, and stands, newest first; without the bytes."""
    return visible_documents(viewer).filter(patient__in=_records_of(patient), replaced_at=None).defer("content")


def document_for(viewer: User, document_id: int) -> OutsideDocument:
    """One visible document with its bytes. Raises NotFound."""
    document = visible_documents(viewer).filter(pk=document_id).first()
    if document is None:
        raise NotFound("There is no such document.")
    return document


def visible_documents(viewer: User) -> QuerySet[OutsideDocument]:
    """Documents of patients whom the viewer's sites know; a referrer's without other role: of their own orders."""
    if Can.SEE_REPORTS not in permissions_of(viewer):
        return OutsideDocument.objects.none()
    documents = not_confidential(OutsideDocument.objects.all(), viewer, patient="patient", at=now())
    if has_role(viewer, Role.REFERRER) and Can.SEE_ORDERS not in permissions_of(viewer):
        own = Q(procedure__order__in=orders_of_referrer(viewer).values("pk"))
        return documents.filter(own | Q(patient__in=emergency_patients(viewer)))
    sites = list(sites_for(viewer, Can.SEE_REPORTS).values_list("pk", flat=True))
    known = open_rows(Order.objects.filter(site__in=sites), viewer).values("patient")
    return documents.filter(
        Q(procedure__order__site__in=sites, procedure__order__patient__in=known)
        | Q(procedure=None) & (Q(patient__in=known) | Q(patient__merged_into__in=known))
    )


def _records_of(patient: Patient) -> list[int]:
    """The patient, and all who were merged into them, however often."""
    records, new = {patient.pk}, [patient.pk]
    while new:
        new = list(Patient.objects.filter(merged_into__in=new).exclude(pk__in=records).values_list("pk", flat=True))
        records.update(new)
    return list(records)
