"""Who issues numbers: one name for each authority, however a sender calls it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.db.statements import Kept
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict, Invalid

from ..models import AssigningAuthority, AuthorityAlias, Identifier

MOST_NAME = 64

_BY_ALIAS = Kept(lambda alias: AuthorityAlias.objects.select_related("authority").filter(alias=alias)[:1], steady=True)
_BY_ID = Kept(lambda universal_id: AssigningAuthority.objects.filter(universal_id=universal_id)[:1], steady=True)


def authority_named(namespace: str, universal_id: str = "", id_type: str = "") -> str:
    """The name under which numbers of this HD (namespace, universal id, its type) are kept.

    A universal id decides. One that is new is noted with the namespace that it came with; where that namespace is
    another authority's already, the universal id itself becomes the name, so that two hospitals which both call
    themselves ``MRN`` stay two. A namespace alone is looked up among the aliases.
    """
    if universal_id:
        known = _BY_ID.first(universal_id)
        return known.name if known else _note_universal_id(namespace, universal_id, id_type)
    alias = _BY_ALIAS.first(namespace)
    return alias.authority.name if alias else namespace


@transaction.atomic
def _note_universal_id(namespace: str, universal_id: str, id_type: str) -> str:
    lock_name(f"authority:{universal_id}", f"authority:{namespace}")
    known = AssigningAuthority.objects.filter(universal_id=universal_id).first()
    if known is not None:
        return known.name
    alias = AuthorityAlias.objects.select_related("authority").filter(alias=namespace).first()
    name = alias.authority.name if alias else namespace
    row = AssigningAuthority.objects.filter(name=name).first() if name else None
    if row is not None and not row.universal_id:
        row.universal_id, row.universal_id_type = universal_id, id_type
        row.save(update_fields=["universal_id", "universal_id_type"])
        return row.name
    name = name if name and row is None else universal_id[:MOST_NAME]
    return AssigningAuthority.objects.create(name=name, universal_id=universal_id, universal_id_type=id_type).name


@transaction.atomic
def add_alias(alias: str, name: str, *, actor: Actor, at: datetime) -> AuthorityAlias:
    """From now on the namespace ``alias`` is the authority ``name``; numbers that came under it are moved.

    Raises Invalid at ``alias`` for an empty one or one that is the name itself; Conflict when a number exists under
    both, since two patients may have it: merge or correct them first.
    """
    alias, name = alias.strip(), name.strip()
    if not alias or not name or alias == name:
        raise Invalid("Name two different namespaces.", at="alias")
    lock_name(f"authority:{alias}", f"authority:{name}")
    there = Identifier.objects.filter(authority=name)
    moving = Identifier.objects.filter(authority=alias)
    both = set(moving.values_list("series", "value")) & set(there.values_list("series", "value"))
    if both:
        raise Conflict(f"{len(both)} numbers exist under both; merge or correct their patients first.", at="alias")
    authority, _ = AssigningAuthority.objects.get_or_create(name=name)
    row, _ = AuthorityAlias.objects.update_or_create(alias=alias, defaults={"authority": authority})
    moved = moving.update(authority=name)
    record(actor, "authority.alias", authority, at=at, moved=moved)
    return row
