"""Promises of the DICOM side to people and programs: tokens of archives, and what archives say with them."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from django.db import transaction

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.orders.models import Study
from ris.orders.services import note_images

from ..models import Archive
from ..scu.query_retrieve import FoundStudy
from .polling import expected_instances, note


@transaction.atomic
def issue_webhook_token(archive: Archive, *, actor: Actor, at: datetime) -> str:
    """A new token for the archive's stable-study callback. Shown once; only its digest is kept, an older one ends."""
    token = secrets.token_urlsafe(32)
    Archive.objects.filter(pk=archive.pk).update(webhook_digest=_digest(token))
    record(actor, "archive.token", archive, at=at)
    return token


def archive_of_token(token: str) -> Archive | None:
    """Whose token this is; None for nobody's."""
    return Archive.objects.filter(webhook_digest=_digest(token), enabled=True).first() if token else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def hear_of_stable_study(archive: Archive, study_uid: str, *, instances: int, complete: bool, at: datetime) -> Study:
    """The archive says that a study has stopped growing.

    It is complete when the archive says so and no device said that it made more.
    """
    found = FoundStudy(uid=study_uid, on=None, description="", modalities=(), instances=instances)
    seen = note(archive, found, at=at)
    if not complete or seen.complete_at is not None or expected_instances(study_uid) > instances:
        return seen
    return note_images(
        study_uid,
        instances=instances,
        complete=True,
        retrieve_ae=archive.ae_title,
        actor=Actor.peer(archive.name, archive.host),
        at=at,
    )
