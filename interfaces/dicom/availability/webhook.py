"""The stable-study callback of archives: its tokens, and what an archive says with one."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from django.db import transaction

from ris.audit.services import Actor, record
from ris.orders.models import Study

from ..models import Archive
from .arrivals import Notice, note_arrival


@transaction.atomic
def issue_webhook_token(archive: Archive, *, actor: Actor, at: datetime) -> str:
    """Issue a token for the archive's stable-study callback, and end the older one.

    It is returned once; only its digest is kept.
    """
    token = secrets.token_urlsafe(32)
    Archive.objects.filter(pk=archive.pk).update(webhook_digest=_digest(token))
    record(actor, "archive.token", archive, at=at)
    return token


def find_archive(token: str) -> Archive | None:
    """The enabled archive of this token; None for a token that no archive has."""
    return Archive.objects.filter(webhook_digest=_digest(token), enabled=True).first() if token else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def note_stable_study(archive: Archive, study_uid: str, *, instances: int, complete: bool, at: datetime) -> Study:
    """Write down that a study has stopped growing in the archive.

    It is whole when the archive says so and no device said that it made more.
    """
    notice = Notice(study_uid=study_uid, instances=instances, says_complete=complete, retrieve_ae=archive.ae_title)
    return note_arrival(notice, actor=Actor.peer(archive.name, archive.host), at=at)
