"""A question to the reading list: which list, what narrows it, in which order, with which columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.http import urlencode

from ris.kernel.errors import Invalid
from ris.kernel.values import id_or_none
from ris.patients.matching import fold
from ris.people.models import User
from worklist.models import ListView, ReadingItem

from .lists import LISTS, reading_list


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the list. ``sort``: the field that it is sorted by, empty for none."""

    key: str
    label: str
    sort: str


COLUMNS: tuple[Column, ...] = (
    Column("urgency", "Urgency", "urgency"),
    Column("due", "Time left", "due_at"),
    Column("exam", "Exam", "entry__exam"),
    Column("patient", "Patient", "entry__patient_name"),
    Column("age", "Age", "entry__birth_date"),
    Column("wait", "Waits", "opened_at"),
    Column("reason", "Reason", "entry__reason"),
    Column("location", "Location", "entry__location"),
    Column("priors", "Priors", "entry__priors"),
    Column("images", "Images", "entry__images"),
    Column("site", "Site", "site__code"),
    Column("reader", "Reader", "reader__last_name"),
    Column("accession", "Accession", "accession"),
)
BY_KEY = {column.key: column for column in COLUMNS}
USUAL = ("urgency", "due", "exam", "patient", "age", "wait", "reason", "location", "priors", "images", "reader")
"""Columns of who has chosen none."""
ALWAYS = ("exam",)

MOST_WORDS = 6


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What the address of a reading list says. ``sort``: a column's key, ``-`` before it for descending; empty: reading
    order."""

    name: str
    modality: str = ""
    site_id: int | None = None
    words: tuple[str, ...] = ()
    text: str = ""
    sort: str = ""
    columns: tuple[str, ...] = USUAL

    @property
    def in_reading_order(self) -> bool:
        """Whether the most urgent stands first; live rows find their place by themselves then."""
        return not self.sort and self.name != "done"

    def address(self, **changes: str) -> str:
        """The query string of this list, with some of it changed; what is empty is left out.

        Never the words searched for: they may name a patient, and addresses are logged and passed on.
        """
        said = {
            "list": self.name, "modality": self.modality, "site": str(self.site_id or ""),
            "sort": self.sort, "cols": "" if self.columns == USUAL else ",".join(self.columns),
        }  # fmt: skip
        return urlencode({key: value for key, value in (said | changes).items() if value})


def read_list_query(said: Mapping[str, str], *, default: str, search: str = "") -> ListQuery:
    """The question in a query string, and the words searched for.

    Raises Invalid for a list, column or sort that does not exist.
    """
    name, sort = said.get("list", "") or default, said.get("sort", "")
    if name not in LISTS:
        raise Invalid(f"There is no list called “{name}”.", at="list")
    if sort and not BY_KEY.get(sort.removeprefix("-"), Column("", "", "")).sort:
        raise Invalid(f"The list cannot be sorted by “{sort}”.", at="sort")
    columns = tuple(key for key in said.get("cols", "").split(",") if key)
    if unknown := [key for key in columns if key not in BY_KEY]:
        raise Invalid(f"There is no column called “{unknown[0]}”.", at="cols")
    chosen = tuple(column.key for column in COLUMNS if column.key in (*columns, *ALWAYS)) if columns else USUAL
    text = " ".join(search.split())[:120]
    words = tuple(fold(text).replace("^", " ").replace(",", " ").split())[:MOST_WORDS]
    site_id = id_or_none(said.get("site", ""))
    return ListQuery(name, said.get("modality", "")[:16], site_id, words, text, sort, chosen)


def select_list(viewer: User, query: ListQuery, *, at: datetime) -> QuerySet[ReadingItem]:
    """The items of that question, in its order, narrowed to what the viewer may see."""
    items = reading_list(viewer, list_name=query.name, at=at)
    if query.modality:
        items = items.filter(modality=query.modality)
    if query.site_id:
        items = items.filter(site=query.site_id)
    for word in query.words:  # all of them, anywhere in the words of the case
        items = items.filter(entry__words__contains=word)
    if query.sort:
        column = BY_KEY[query.sort.removeprefix("-")].sort
        sign = "-" if query.sort.startswith("-") else ""
        of_entry = column.startswith("entry__")
        if of_entry:  # an inner join, ordered by one index of the entries: the database stops after a page
            items = items.filter(entry__isnull=False)
        items = items.order_by(f"{sign}{column}", f"{sign}entry__pk" if of_entry else f"{sign}pk")
    return items


MOST_VIEWS = 20


def views_for(viewer: User) -> QuerySet[ListView]:
    """The viewer's own views and those that others share, by name. A view shows each what they may see."""
    return ListView.objects.filter(Q(owner=viewer) | Q(shared=True)).select_related("owner")[:MOST_VIEWS]


def count_view(viewer: User, view: ListView, *, at: datetime) -> int | None:
    """How many cases the view holds for this viewer; None for one that an older version of the list wrote."""
    try:
        query = read_list_query(QueryDict(view.query).dict(), default="all")
    except Invalid:
        return None
    return select_list(viewer, query, at=at).count()
