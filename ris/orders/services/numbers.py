"""Numbers of an order: placer number (ORC-2) and accession number ((0008,0050), OBR-18)."""

from __future__ import annotations

from ris.catalog.models import Site
from ris.kernel.db.statements import Kept
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict, Invalid

from ..models import Order

LONGEST_ACCESSION = 16
"""Accession Number has the value representation SH (PS3.5 6.2)."""

# Asked for every order that comes in, so their text is kept.
_SITE = Kept(lambda site_id: Site.objects.filter(pk=site_id), steady=True)
_OF_ACCESSION = Kept(lambda *accessions: Order.objects.filter(accession__in=accessions))

# No I and no O: people read them as digits.
_SUFFIXES = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def lock_placer(authority: str, number: str) -> None:
    """Hold the name of this placer number until the transaction ends, whether an order has it or not."""
    lock_name(f"placer:{authority}:{number}")


def check_accession(accession: str, patient_id: int) -> None:
    """Check an accession number that a sender issued.

    Raises Invalid when it is too long, Conflict (code ``duplicate``) when another patient's order has it.
    """
    if len(accession) > LONGEST_ACCESSION:
        raise Invalid("An accession number has at most 16 characters.", at="accession")
    if Order.objects.filter(accession=accession).exclude(patient_id=patient_id).exists():
        raise Conflict("This accession number belongs to another patient's order.", at="accession", code="duplicate")


def issue_accession(order: Order) -> str:
    """The site's prefix and the order's primary key; with a letter where a sender used that number before."""
    site = _SITE.first(order.site_id)
    base = f"{site.accession_prefix if site else ''}{order.pk:07d}"
    if not _OF_ACCESSION.all(base):
        return base
    candidates = [base + letter for letter in _SUFFIXES]
    used = {other.accession for other in _OF_ACCESSION.all(*candidates)}
    return next(candidate for candidate in candidates if candidate not in used)
