"""Questions that every order asks before it is placed; their SQL is built once (``ris.kernel.db.statements``)."""

from __future__ import annotations

from django.db.models import Value
from django.db.models.functions import Upper

from ris.catalog.models import Device, Procedure, Site
from ris.kernel.db.statements import PreparedQuery

from .models import Order

# Which order has this placer number (ORC-2)? The last one, where it was ordered anew.
ORDER_BY_PLACER_NUMBER = PreparedQuery(
    lambda authority, number: Order.objects.filter(placer_authority=authority, placer_number=number).order_by(
        "-placer_generation"
    )[:1]
)
# Which of these accession numbers are used?
ORDERS_BY_ACCESSION = PreparedQuery(lambda *accessions: Order.objects.filter(accession__in=accessions))
# What is the prefix of this site's accession numbers?
SITE = PreparedQuery(lambda site_id: Site.objects.filter(pk=site_id), steady=True)
# On which device of the site is this modality done when the order names none?
FIRST_DEVICE = PreparedQuery(
    lambda modality, site_id: Device.objects.filter(modality=modality, site=site_id, active=True).order_by("pk")[:1],
    steady=True,
)
# Which procedures has the catalog under this code of its own (OBR-4.1)?
PROCEDURES_BY_OWN_CODE = PreparedQuery(
    lambda code: Procedure.objects.alias(folded=Upper("code")).filter(folded=Upper(Value(code)), active=True),
    steady=True,
)


def _by_column(column: str) -> PreparedQuery[Procedure]:
    return PreparedQuery(
        lambda value: (
            Procedure.objects.alias(folded=Upper(column))
            .filter(folded=Upper(Value(value)), active=True)
            .order_by("laterality", "pk")
        ),
        steady=True,
    )


# Which active procedures have this code of a standard? One without a side first: the code does not say one.
PROCEDURES_BY_COLUMN = {column: _by_column(column) for column in ("cpt", "loinc", "radlex")}
