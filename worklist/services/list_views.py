"""Views of the reading list that people keep under a name, for themselves or for everybody."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.errors import Invalid, NotFound
from ris.people.models import User
from worklist.models import ListView

MOST_VIEWS = 30
"""Of one person: more than a row of tabs can show."""


@transaction.atomic
def save_view(owner: User, *, name: str, query: str, shared: bool, actor: Actor, at: datetime) -> ListView:
    """Keep the query string of a list under a name; a view of the owner with that name is replaced. Raises Invalid."""
    name = " ".join(name.split())
    if not name or len(name) > 40:
        raise Invalid("Give the view a name of at most 40 characters.", at="name")
    if len(query) > 500:
        raise Invalid("This filter is too long to be kept.", at="query")
    if not ListView.objects.filter(owner=owner, name=name).exists() and owner.list_views.count() >= MOST_VIEWS:
        raise Invalid(f"You keep {MOST_VIEWS} views already; delete one first.", at="name")
    said = {"query": query, "shared": shared}
    view, _ = ListView.objects.update_or_create(
        owner=owner, name=name, defaults=said, create_defaults={**said, "created_at": at}
    )
    record(actor, "worklist.view-saved", view, at=at, shared=shared)
    return view


@transaction.atomic
def delete_view(view_id: int, *, owner: User, actor: Actor, at: datetime) -> None:
    """Forget one's own view. Raises NotFound for any other."""
    view = ListView.objects.filter(pk=view_id, owner=owner).first()
    if view is None:
        raise NotFound("You have no such view.")
    record(actor, "worklist.view-deleted", view, at=at)
    view.delete()
