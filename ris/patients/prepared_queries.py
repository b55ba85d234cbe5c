"""Questions about patients that every message asks, so their SQL is built once (``ris.kernel.db.statements``)."""

from __future__ import annotations

from ris.kernel.db.statements import PreparedQuery

from .models import AssigningAuthority, AuthorityAlias, Identifier, Visit

# Who has one of these identifiers (PID-3.1), whichever authority issued it?
IDENTIFIERS = PreparedQuery(
    lambda *values: Identifier.objects.filter(value__in=values), related=("patient", "patient__merged_into")
)
# Which authority is meant by this name (PID-3.4.1)? Aliases are people's to add, on a page.
ALIAS = PreparedQuery(
    lambda alias: AuthorityAlias.objects.filter(alias=alias)[:1], related=("authority",), steady=True, none_added=True
)
# Which authority has this OID (PID-3.4.2)?
AUTHORITY_BY_OID = PreparedQuery(
    lambda universal_id: AssigningAuthority.objects.filter(universal_id=universal_id)[:1], steady=True
)
# Which authority has this name?
AUTHORITY_BY_NAME = PreparedQuery(lambda name: AssigningAuthority.objects.filter(name=name)[:1], steady=True)
# Is this visit known (PV1-19)?
VISIT = PreparedQuery(lambda authority, number: Visit.objects.filter(authority=authority, number=number)[:1])
