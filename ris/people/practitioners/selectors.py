"""Questions about the address book. Entries are of no site; who may keep the book sees all of it."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from ris.kernel.errors import NotFound

from ..models import Practitioner
from . import states
from .matching import name_key


def practitioners_matching(text: str = "", *, unreviewed: bool = False) -> QuerySet[Practitioner]:
    """Entries by name: those whose name begins with ``text``, or that have it as a number or NPI; all where empty.

    Merged entries are left out; ``unreviewed``: those that a person should look at.
    """
    rows = Practitioner.objects.exclude(state=states.MERGED).select_related("account").prefetch_related("numbers")
    text = text.strip()
    if text:
        key = name_key(text.replace(",", "^").replace("^ ", "^"))
        rows = rows.filter(
            Q(name_key__startswith=key) | Q(npi=text) | Q(numbers__number=text) if key else Q(npi=text)
        ).distinct()
    return (rows.filter(reviewed=False) if unreviewed else rows).order_by("name_key", "pk")


def get_practitioner(practitioner_id: int) -> Practitioner:
    """One entry with its numbers; the one that remains, where it was merged. Raises NotFound."""
    rows = Practitioner.objects.select_related("account").prefetch_related("numbers")
    row = rows.filter(pk=practitioner_id).first()
    while row is not None and row.merged_into_id is not None:
        row = rows.filter(pk=row.merged_into_id).first()
    if row is None:
        raise NotFound("There is no such entry of the address book.")
    return row


def doubles_of(practitioner: Practitioner) -> QuerySet[Practitioner]:
    """Other entries that may be the same person: of the same name."""
    rows = practitioners_matching().exclude(pk=practitioner.pk)
    return rows.filter(name_key=practitioner.name_key) if practitioner.name_key else rows.none()
