"""What those who lead the reading look at: escalations, gaps, offers."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Q, QuerySet

from ris.access.visibility import open_rows
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for
from worklist.models import Escalation, EscalationMessage, Offer, Shift
from worklist.states import OPEN

Rows = TypeVar("Rows", bound=QuerySet[Any])


def of_open_patients(rows: Rows, viewer: User) -> Rows:
    """Rows about reading items (``item``) without those of patients who are closed to the viewer."""
    return open_rows(rows, viewer, patient="item__procedure__order__patient", site="item__site")


def open_escalations(viewer: User, *, lowest: int = 3) -> QuerySet[Escalation]:
    """The coordinator's screen: rungs of cases that are still open, not yet seen to.

    From ``lowest`` on, and lower ones that the house asked to see there (``EscalationRoute``).
    """
    sites = list(sites_for(viewer, Can.LEAD_READING).values_list("pk", flat=True))
    here = Escalation.objects.filter(item__site__in=sites, item__state__in=OPEN, acknowledged_at__isnull=True)
    asked_for = EscalationMessage.objects.filter(state=EscalationMessage.SHOWN).values("escalation")
    found = of_open_patients(here.filter(Q(rung__gte=lowest) | Q(pk__in=asked_for)), viewer)
    return found.select_related("item__procedure__order__patient", "item__site", "item__reader").order_by("-rung", "at")


def offers_to(reader: User) -> QuerySet[Offer]:
    """What is being offered to a reader at this moment."""
    offers = of_open_patients(Offer.objects.filter(reader=reader, outcome=Offer.OPEN), reader)
    return offers.select_related("item").order_by("until")


def visible_shifts(viewer: User) -> QuerySet[Shift]:
    """Shifts of the readers who share a site with the viewer (and the viewer's own)."""
    sites = list(sites_for(viewer, Can.SEE_WORKLIST).values_list("pk", flat=True))
    colleagues = User.objects.filter(siteuserpermission__content_object__in=sites)
    by_group = User.objects.filter(groups__sitegrouppermission__content_object__in=sites)
    shifts = Shift.objects.filter(reader__in=colleagues) | Shift.objects.filter(reader__in=by_group)
    own = Shift.objects.filter(reader=viewer)
    return (shifts | own).distinct().select_related("reader").prefetch_related("sites", "subspecialties", "changes")
