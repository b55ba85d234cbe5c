"""Searches that are kept under a name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Invalid
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require

from .models import SavedSearch
from .selectors import QUESTION_FIELDS, read_question, saved_search

MOST_SAVED = 50


@transaction.atomic
def save_search(owner: User, name: str, fields: Mapping[str, Any], *, actor: Actor, at: datetime) -> SavedSearch:
    """Keep a search as a list; one of the same name is replaced. Raises Forbidden; Invalid for a question that cannot
    be asked, or without a name of at most 60 characters; Conflict above MOST_SAVED."""
    require(owner, Can.SEE_REPORTS)
    name = " ".join(name.split())
    if not name or len(name) > 60:
        raise Invalid("Give the list a name of at most 60 characters.", at="name")
    read_question(fields)
    others = SavedSearch.objects.filter(owner=owner).exclude(name=name)
    if others.count() >= MOST_SAVED:
        raise Conflict(f"You keep {MOST_SAVED} searches already. Delete one first.")
    question = {field: str(fields.get(field) or "") for field in QUESTION_FIELDS if fields.get(field)}
    search, _ = SavedSearch.objects.update_or_create(
        owner=owner, name=name, defaults={"question": question, "made_at": at}
    )
    record(actor, "search.save", search, at=at)
    return search


@transaction.atomic
def delete_search(owner: User, search_id: int, *, actor: Actor, at: datetime) -> None:
    """Forget a kept search. Raises NotFound, also for another person's."""
    search = saved_search(owner, search_id)
    record(actor, "search.delete", search, at=at)
    search.delete()
