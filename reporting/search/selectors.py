"""The search itself: one statement narrows by words, filters and permissions; the newest of what fits are ranked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from ris.catalog.models import Site
from ris.kernel.errors import Invalid, NotFound
from ris.kernel.values import day_or_none, id_or_none
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, site_ids_for

from ..selectors import RELEASED, visible_reports
from .engines import FTS, SEARCHED, TABLE, fts5_query, postgres_query
from .excerpts import Piece, excerpt_of, mark_words, rank_rows
from .models import SavedSearch, SearchRow
from .terms import Terms, parse_terms

MOST_HITS = 500
"""So many of the newest matches are ranked. Who sees more than that adds a word or a filter."""
PAGE = 25
MOST_OWN = 5000
"""Reports of a referrer that are listed by their keys in the statement; who has more is asked for like a reader."""
_MOST_MONTHS = 36


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched. ``since`` and ``until``: days of release, both counted, in the present zone."""

    terms: Terms
    section: str = ""
    modality: str = ""
    author_id: int | None = None
    site_id: int | None = None
    since: date | None = None
    until: date | None = None
    newest_first: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A report, and where in its sections the words stand."""

    row: SearchRow
    excerpts: tuple[tuple[str, tuple[Piece, ...]], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits. ``total`` is at most MOST_HITS; ``more``: there are older ones that were not looked at."""

    hits: tuple[Hit, ...]
    total: int
    more: bool
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.total // PAGE))


def read_question(fields: Mapping[str, Any]) -> Question:
    """A question from the fields of a form or a query string. Raises Invalid at the field that is wrong."""
    given = {name: str(fields.get(name) or "").strip() for name in QUESTION_FIELDS}
    if given["section"] and given["section"] not in SEARCHED:
        raise Invalid(f"Sections are {', '.join(SEARCHED)}.", at="section")
    days = {}
    for name in ("since", "until"):
        days[name] = day_or_none(given[name])
        if given[name] and days[name] is None:
            raise Invalid("Give a day such as 2026-03-10.", at=name)
    ids = {}
    for name in ("author", "site"):
        ids[name] = id_or_none(given[name])
        if given[name] and ids[name] is None:
            raise Invalid("An id is wanted: a whole number above 0.", at=name)
    if given["sort"] not in ("", "rank", "newest"):
        raise Invalid("Sort by rank or newest.", at="sort")
    return Question(parse_terms(given["q"]), given["section"], given["modality"], ids["author"], ids["site"],
                    days["since"], days["until"], given["sort"] == "newest")  # fmt: skip


QUESTION_FIELDS = ("q", "section", "modality", "author", "site", "since", "until", "sort")


def search_reports(viewer: User, question: Question, *, at: datetime, page: int = 1) -> Found:
    """The newest MOST_HITS released reports that fit and that the viewer may see, ranked; one page of them.

    Raises Forbidden for who may not see reports.
    """
    rows = _narrowed(viewer, question, at)
    keys = _ranked(rows, question)
    total = min(len(keys), MOST_HITS)
    page = min(max(page, 1), max(1, -(-total // PAGE)))
    shown = keys[:MOST_HITS][(page - 1) * PAGE : page * PAGE]
    return Found(tuple(_hits(shown, question)), total, len(keys) > MOST_HITS, page)


def _narrowed(viewer: User, question: Question, at: datetime) -> QuerySet[SearchRow]:
    seen = visible_reports(viewer).filter(state__in=RELEASED).order_by().select_related(None)
    rows = SearchRow.objects.filter(Exists(seen.filter(pk=OuterRef("report"))))
    if Can.READ_CASES not in permissions_of(viewer):
        # Who sees the reports of their own orders only sees few: the database begins there, and not at the words.
        few = list(seen.values_list("pk", flat=True)[: MOST_OWN + 1])
        rows = SearchRow.objects.filter(report__in=few) if len(few) <= MOST_OWN else rows
    if question.modality:
        rows = rows.filter(modality__iexact=question.modality)
    if question.author_id:
        rows = rows.filter(author=question.author_id)
    if question.site_id:
        rows = rows.filter(site=question.site_id)
    if question.since:
        rows = rows.filter(released_at__gte=_midnight(question.since))
    if question.until:
        rows = rows.filter(released_at__lt=_midnight(question.until + timedelta(days=1)))
    tags = [*_tags(viewer, question, at)]
    if connection.vendor == "postgresql":
        sql, params = postgres_query(question.terms, question.section, tags)
        narrowed = rows.extra(where=[f"{TABLE}.document @@ ({sql})"], params=params)  # noqa: S610
        return narrowed.order_by("-released_at", "-pk")
    # A join, so that FTS5 walks its own index from the newest row and stops when there are enough.
    where = [f"{FTS}.rowid = {TABLE}.id", f"{FTS} MATCH %s"]
    query = fts5_query(question.terms, question.section, tags)
    joined = rows.extra(tables=[FTS], where=where, params=[query])  # noqa: S610
    return joined.extra(order_by=[f"-{FTS}.rowid"])


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def _tags(viewer: User, question: Question, at: datetime) -> Iterator[list[str]]:
    """Filters as words of the index. They only spare work: the conditions of the statement decide."""
    sites = {question.site_id} if question.site_id else set(site_ids_for(viewer, Can.SEE_REPORTS))
    if len(sites) < Site.objects.count():
        yield [f"xsite{pk}" for pk in sorted(sites)] or ["xsite0"]
    if question.modality:
        yield [f"xmod{''.join(filter(str.isalnum, question.modality)).lower() or '0'}"]
    if question.author_id:
        yield [f"xauthor{question.author_id}"]
    if question.since:
        last = question.until or at.date() + timedelta(days=1)
        # The rows' months are those of UTC: a day more at each end.
        first, last = question.since - timedelta(days=1), last + timedelta(days=1)
        months = (last.year - first.year) * 12 + last.month - first.month
        if 0 <= months < _MOST_MONTHS:
            counted = (first.year * 12 + first.month - 1 + n for n in range(months + 1))
            yield [f"xmonth{month // 12}{month % 12 + 1:02}" for month in counted]


def _ranked(rows: QuerySet[SearchRow], question: Question) -> list[int]:
    """Keys of the newest that fit, best first; one more than MOST_HITS where there are older ones."""
    newest = list(rows.values_list("pk", flat=True)[: MOST_HITS + 1])
    if question.newest_first or len(newest) < 2:
        return newest
    worth = rank_rows(newest, question.terms, question.section)
    # Of two that are worth the same the newer comes first, since sorting keeps the order. The one too many stays last.
    return sorted(newest[:MOST_HITS], key=lambda pk: -worth.get(pk, 0.0)) + newest[MOST_HITS:]


def _hits(keys: list[int], question: Question) -> Iterator[Hit]:
    if not keys:
        return
    marked = mark_words(keys, question.terms, question.section)
    texts = {pk: dict(zip(SEARCHED, sections, strict=True)) for pk, *sections in marked}
    rows = SearchRow.objects.select_related("report__procedure", "site", "author", "report__item").in_bulk(keys)
    for pk in keys:
        sections = texts.get(pk, {})
        wanted = [question.section] if question.section else SEARCHED
        excerpts = [(name, excerpt_of(sections.get(name, ""))) for name in wanted]
        yield Hit(rows[pk], tuple((name, pieces) for name, pieces in excerpts if pieces)[:2])


def saved_searches(owner: User) -> QuerySet[SavedSearch]:
    """The searches that a person kept, by name."""
    return SavedSearch.objects.filter(owner=owner)


def saved_search(owner: User, search_id: int) -> SavedSearch:
    """One of them. Raises NotFound, also for another person's."""
    search = saved_searches(owner).filter(pk=search_id).first()
    if search is None:
        raise NotFound("There is no such saved search.")
    return search
