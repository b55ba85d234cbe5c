"""Which entry of the address book a message means, by number, by NPI, by name and authority; a new one if none.

A person who is named without any number is never taken for one who has an account: names are no proof.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from ris.kernel.db.statements import PreparedQuery
from ris.kernel.db.transactions import lock_name

from ..models import Practitioner, PractitionerNumber, User
from . import states

# Whose number is this? Numbers of merged entries were moved to the one that remains.
BY_NUMBER = PreparedQuery(
    lambda authority, number: Practitioner.objects.filter(numbers__authority=authority, numbers__number=number)
)
BY_NPI = PreparedQuery(lambda npi: Practitioner.objects.filter(npi=npi))

OTHER_NPI = "It came with another NPI than the one kept here"
DOUBLE = "One message named it with a number of another entry: they may be one person"
NEW_NAME = "It came under another name"
FIRST_SEEN = "Made by a message"
_MOST_NAMES = 20
"""Former names that are kept: a sender that gives another one each time must not fill the row."""


@dataclass(frozen=True, slots=True)
class PersonReference:
    """How a message names a person: ``FAMILY^GIVEN``, (authority, number) pairs, NPI; each may be missing."""

    name: str = ""
    authority: str = ""
    """Under which a person without a number is named."""
    numbers: tuple[tuple[str, str], ...] = ()
    npi: str = ""


def name_key(name: str) -> str:
    """A name by which two spellings of it are compared: case, accents and spaces do not count."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "^".join(
        " ".join("".join(char for char in part if not unicodedata.combining(char)).split())
        for part in plain.split("^")[:2]
    ).strip("^")[:194]


def identify_practitioner(reference: PersonReference, *, source: str, at: datetime) -> Practitioner | None:
    """Return the entry that is meant; a new one, not reviewed, when there is none; None where nobody is named."""
    if not (reference.numbers or reference.npi or name_key(reference.name)):
        return None
    practitioner = _find(reference)
    if practitioner is None:
        with transaction.atomic():
            lock_name(*_lock_names(reference))
            # Read again under the lock: another process may have added it meanwhile.
            practitioner = _find(reference) or _add(reference, source, at)
    if reference.numbers or reference.npi:
        _learn(practitioner, reference)
    return practitioner


def _lock_names(reference: PersonReference) -> list[str]:
    names = [f"practitioner:{authority}:{number}" for authority, number in reference.numbers]
    names += [f"practitioner:npi:{reference.npi}"] if reference.npi else []
    return names or [f"practitioner:{reference.authority}:{name_key(reference.name)}"]


def _find(reference: PersonReference) -> Practitioner | None:
    for authority, number in reference.numbers:
        if practitioner := BY_NUMBER.first(authority, number):
            return practitioner
    if reference.npi:
        return BY_NPI.first(reference.npi)
    return None if reference.numbers else _find_by_name(reference)


def _find_by_name(reference: PersonReference) -> Practitioner | None:
    """The only entry of that name and authority; of several the first that has no number, which a message made."""
    rows = Practitioner.objects.filter(
        name_key=name_key(reference.name), authority=reference.authority, account=None
    ).exclude(state=states.MERGED)
    candidates = list(rows.order_by("pk")[:2])
    if len(candidates) == 1:
        return candidates[0]
    return rows.filter(numbers=None, npi="").order_by("pk").first() if candidates else None


def _add(reference: PersonReference, source: str, at: datetime) -> Practitioner:
    practitioner = Practitioner.objects.create(
        state=states.ACTIVE,
        name=reference.name[:194],
        name_key=name_key(reference.name),
        authority=reference.authority,
        npi=reference.npi,
        account=_account_of(reference.npi),
        doubt=FIRST_SEEN,
        source=source,
        created_at=at,
    )
    for authority, number in reference.numbers:
        PractitionerNumber.objects.get_or_create(
            authority=authority, number=number, defaults={"practitioner": practitioner}
        )
    return practitioner


def _account_of(npi: str) -> User | None:
    """The only active account with this NPI, unless another entry has it already."""
    accounts = list(User.objects.filter(npi=npi, is_active=True, practitioner=None)[:2]) if npi else []
    return accounts[0] if len(accounts) == 1 else None


def _learn(practitioner: Practitioner, reference: PersonReference) -> None:
    """Keep what is new of a person who is known by a number: numbers, NPI, name. What is odd is left to a person."""
    changes: dict[str, object] = {}
    doubts: list[str] = []
    for authority, number in reference.numbers if len(reference.numbers) > 1 or reference.npi else ():
        owner = BY_NUMBER.first(authority, number)
        if owner is None:
            PractitionerNumber.objects.create(practitioner=practitioner, authority=authority, number=number)
        elif owner.pk != practitioner.pk:
            doubts.append(DOUBLE)
    if reference.npi and reference.npi != practitioner.npi:
        if practitioner.npi:
            doubts.append(OTHER_NPI)
        elif BY_NPI.first(reference.npi) is not None:
            doubts.append(DOUBLE)
        else:
            changes["npi"] = reference.npi
            account = _account_of(reference.npi) if practitioner.account_id is None else None
            if account is not None:
                changes["account_id"] = account.pk
    changes |= _rename(practitioner, reference.name, doubts)
    if doubts and practitioner.doubt != doubts[0]:
        changes |= {"reviewed": False, "doubt": doubts[0]}
    if changes:
        Practitioner.objects.filter(pk=practitioner.pk).update(version=practitioner.version + 1, **changes)
        practitioner.refresh_from_db()


def _rename(practitioner: Practitioner, name: str, doubts: list[str]) -> dict[str, object]:
    """A name that never came before is the person's from now on; the one before is kept, and a person is asked."""
    key = name_key(name)
    if not key or key == practitioner.name_key:
        return {}
    former = [str(earlier) for earlier in practitioner.former_names]
    if key in map(name_key, former):
        return {}
    if practitioner.name:
        doubts.append(NEW_NAME)
        former = [*former, practitioner.name][-_MOST_NAMES:]
    return {"name": name[:194], "name_key": key, "former_names": former}
