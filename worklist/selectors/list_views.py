"""The views of the reading list that a person keeps or that others share."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet
from django.http import QueryDict

from ris.kernel.errors import Invalid
from ris.people.models import User
from worklist.models import ListView

from .list_query import read_list_query, select_list

MOST_SHOWN = 20


def views_for(viewer: User) -> QuerySet[ListView]:
    """The viewer's own views and those that others share, by name. A view shows each what they may see."""
    return ListView.objects.filter(Q(owner=viewer) | Q(shared=True)).select_related("owner")[:MOST_SHOWN]


def count_view(viewer: User, view: ListView, *, at: datetime) -> int | None:
    """How many cases the view holds for this viewer; None for one that an older version of the list wrote."""
    try:
        query = read_list_query(QueryDict(view.query).dict(), default="all")
    except Invalid:
        return None
    return select_list(viewer, query, at=at).count()
