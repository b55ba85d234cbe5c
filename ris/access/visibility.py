"""Which patients are closed to a viewer: one condition, which every selector that shows patients puts on its rows.

Closed are confidential patients to whom the viewer has no tie, unless they hold ``see_confidential``; and, at sites
where an access rule of all of their roles wants a tie, everybody to whom they have none. Ties: they ordered, or get
copies; they read the case, or were given it; they perform exams where the patient is expected or is being examined
(within :data:`TODAY`); their emergency access runs. The usual patient costs nothing: the statement begins with the few
who are confidential, found by an index of their own.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, TypeVar

from django.apps import apps
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from ris.kernel.clock import now
from ris.people.models import User
from ris.people.roles import REACH, ROLES, Can, Reach, Role
from ris.people.selectors import permissions_of, role_rules_of, site_ids_for, sites_of

from .models import EmergencyAccess

Rows = TypeVar("Rows", bound=QuerySet[Any])
Tie = tuple[QuerySet[Any], str]
"""Rows that tie the viewer to patients, and the way from such a row to the patient."""

TODAY = timedelta(hours=12)
"""So far before and after its planned start an exam is today's work of those who perform exams at its site."""
_SHOWING = {Can.SEE_ORDERS, Can.SEE_WORKLIST, Can.SEE_REPORTS, Can.SEE_MESSAGES, Can.SEE_AUDIT}
_SHOWING_ROLES = frozenset(role.value for role, cans in ROLES.items() if cans & _SHOWING)


def open_rows(rows: Rows, viewer: User, *, patient: str = "patient", site: str = "site") -> Rows:
    """The rows without those of patients who are closed to the viewer; the rows have been narrowed to their sites.

    ``patient`` and ``site``: the ways from a row to its patient and to its site, as in a lookup.
    """
    at = now()
    rows = not_confidential(rows, viewer, patient=patient, at=at)
    for reach, sites in restricted_sites(viewer).items():
        rows = rows.filter(~Q(**{f"{site}__in": sites}) | tied(viewer, reach, patient, at))
    return rows


def not_confidential(rows: Rows, viewer: User, *, patient: str, at: datetime) -> Rows:
    """The rows without those of confidential patients to whom the viewer has no tie."""
    if Can.SEE_CONFIDENTIAL in permissions_of(viewer):
        return rows
    return rows.exclude(_among(rows.model, patient, closed_patients(viewer, at)))


def tied(viewer: User, reach: Reach, patient: str, at: datetime) -> Q:
    """Rows (``patient``: the way to theirs) of patients to whom the viewer has a tie."""
    return reduce(or_, (Q(**{f"{patient}__in": rows.values(way)}) for rows, way in ties(viewer, reach, at)))


def restricted_sites(viewer: User) -> dict[Reach, frozenset[int]]:
    """Sites at which the viewer is shown only patients to whom they have a tie, by reach; empty for most people."""
    reaches: dict[Role, dict[int | None, Reach]] = {}
    for name, site, reach in role_rules_of(viewer):
        if name in _SHOWING_ROLES:
            of_role = reaches.setdefault(Role(name), {None: REACH.get(Role(name), Reach.EVERYBODY)})
            of_role |= {site: Reach(reach)} if reach else {}
    if viewer.is_superuser or all(set(of.values()) == {Reach.EVERYBODY} for of in reaches.values()):
        return {}
    sites: dict[Reach, set[int]] = defaultdict(set)
    of_sites = (viewer.acting.user if viewer.acting else viewer).role_sites
    for place in sites_of(viewer):
        counting = [of for role, of in reaches.items() if place.pk in of_sites.get(role.value, [place.pk])]
        widest = min((of.get(place.pk, of[None]) for of in counting), key=list(Reach).index, default=Reach.ORDERED)
        sites[widest].add(place.pk)
    return {reach: frozenset(of) for reach, of in sites.items() if reach != Reach.EVERYBODY}


def ties(viewer: User, reach: Reach, at: datetime) -> list[Tie]:
    """What ties the viewer to patients: of an order only, or of the whole care team; and an emergency access.

    Who acts for another has that one's ties. Tables of upper layers are asked by name, as foreign keys name them: a tie
    is a row that is there anyhow.
    """
    person = viewer.acting.user if viewer.acting else viewer
    ordered = Q(referrer=person) | Q(copy_practitioners__account=person)
    found: list[Tie] = [(_rows("orders.Order").filter(ordered), "patient")]
    if reach != Reach.ORDERED:
        given = Q(reader=person) | Q(assigned_to=person) | Q(reserved_for=person) | Q(preliminary_by=person)
        found.append((_rows("worklist.ReadingItem").filter(given), "procedure__order__patient"))
        performing = site_ids_for(viewer, Can.PERFORM_EXAMS)
        if performing:
            today = Q(start__gte=at - TODAY, start__lt=at + TODAY) | Q(state__in=["arrived", "started"])
            steps = _rows("orders.ScheduledStep").filter(today, procedure__order__site__in=performing)
            found.append((steps.exclude(state="cancelled"), "procedure__order__patient"))
    if is_glass_broken(viewer, at):
        found.append((EmergencyAccess.objects.filter(user=viewer, ends_at__gt=at), "patient"))
    return found


def is_glass_broken(viewer: User, at: datetime) -> bool:
    """Whether an emergency access of the person runs; asks nothing of the database. Not for a program's API token, nor
    while they act for another."""
    own = viewer.limits is None and viewer.acting is None
    return own and viewer.break_glass_until is not None and viewer.break_glass_until > at


def emergency_patients(viewer: User) -> list[int]:
    """Ids of the patients whom an emergency access opens to the viewer now."""
    at = now()
    running = EmergencyAccess.objects.filter(user=viewer, ends_at__gt=at)
    return list(running.values_list("patient", flat=True)) if is_glass_broken(viewer, at) else []


def closed_patients(viewer: User, at: datetime) -> QuerySet[Any]:
    """Ids of the confidential patients to whom the viewer has no tie; a merged record is whom it lives on as, too."""
    if Can.SEE_CONFIDENTIAL in permissions_of(viewer):
        return _rows("patients.Patient").none().values("pk")
    here = (
        Q(Exists(rows.filter(Q(**{way: OuterRef("pk")}) | Q(**{way: OuterRef("merged_into")}))))
        for rows, way in ties(viewer, Reach.CARE_TEAM, at)
    )
    return _rows("patients.Patient").filter(confidential=True).exclude(reduce(or_, here)).values("pk")


def _among(model: type[Model], way: str, patients: QuerySet[Any]) -> Q:
    """Rows whose patient is one of these, said so that the database begins with the patients: they are few."""
    first, _, rest = way.partition("__")
    if not rest:
        return Q(**{f"{first}__in": patients})
    related: Any = model._meta.get_field(first).related_model
    return Q(**{f"{first}__in": related.objects.filter(**{f"{rest}__in": patients}).values("pk")})


def _rows(label: str) -> QuerySet[Any]:
    model: Any = apps.get_model(label)
    rows: QuerySet[Any] = model.objects.order_by()
    return rows
