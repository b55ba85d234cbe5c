"""Texts and drafts that are not signed, narrowed to who may see them."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from ris.access.visibility import open_rows
from ris.kernel.errors import NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for

from .. import states
from ..checks import SECTIONS
from ..models import Report, TextDraft
from ..selectors import OF_REPORT


def visible_texts(viewer: User) -> QuerySet[TextDraft]:
    """Open texts at the viewer's sites: their own, and words of a report that lie with a case that they hold."""
    sites = list(sites_for(viewer, Can.READ_CASES).values_list("pk", flat=True))
    held = Q(kind=TextDraft.REPORT, item__reader=viewer, item__state="claimed")
    rows = TextDraft.objects.filter(Q(author=viewer) | held, item__site__in=sites, closed_at=None)
    rows = open_rows(rows, viewer, patient="item__procedure__order__patient", site="item__site")
    return rows.select_related("author", "item__procedure__order").order_by("saved_at", "pk")


def text_for(viewer: User, text_id: int) -> TextDraft:
    """One of them. Raises NotFound, as if another's did not exist."""
    text = visible_texts(viewer).filter(pk=text_id).first()
    if text is None:
        raise NotFound("There is no such text.")
    return text


def own_text(viewer: User, item_id: int, kind: str) -> TextDraft | None:
    """What the viewer typed into a box of that kind about the case and did not send; the newest."""
    return visible_texts(viewer).filter(author=viewer, item=item_id, kind=kind).last()


def report_texts(viewer: User, item_id: int) -> list[TextDraft]:
    """Words that found the case in other hands, for their author and for who holds the case."""
    return list(visible_texts(viewer).filter(item=item_id, kind=TextDraft.REPORT))


def unsigned_drafts(viewer: User, *, everybody: bool = False) -> QuerySet[Report]:
    """Drafts with words that nobody signed or released, the oldest first: the viewer's own, or of all whom they lead.

    A case that somebody reads at this moment is left out of one's own list unless the viewer holds it.
    """
    can = Can.LEAD_READING if everybody else Can.READ_CASES
    sites = list(sites_for(viewer, can).values_list("pk", flat=True))
    rows = Report.objects.filter(state__in=[states.DRAFT, states.RETURNED], item__site__in=sites)
    rows = open_rows(rows, viewer, **OF_REPORT)
    rows = rows.exclude(**dict.fromkeys(SECTIONS, ""))
    if not everybody:
        rows = rows.filter(author=viewer).exclude(~Q(item__reader=viewer) & Q(item__state="claimed"))
    return rows.select_related("author", "item__reader", "procedure__order__patient").order_by("saved_at", "pk")
