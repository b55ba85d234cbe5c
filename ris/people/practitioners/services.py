"""What a person decides about entries of the address book: account, doubles, retirement, corrections."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.events import emit

from ..models import Practitioner, User
from . import states
from .events import PractitionerLinked
from .matching import name_key


def _locked(practitioner_id: int) -> Practitioner:
    row = Practitioner.objects.select_for_update().filter(pk=practitioner_id).first()
    if row is None:
        raise NotFound("There is no such entry of the address book.")
    if row.state == states.MERGED:
        raise Conflict("This entry was merged into another one; change that one.", at="practitioner")
    return row


def _write(practitioner: Practitioner, **changes: Any) -> None:
    """Write what a person said of an entry: it has been looked at then."""
    changes |= {"reviewed": True, "doubt": "", "version": F("version") + 1}
    Practitioner.objects.filter(pk=practitioner.pk).update(**changes)


def _tell(practitioner_id: int, at: datetime, former_id: int = 0) -> None:
    stream = f"practitioner:{practitioner_id}"
    emit(PractitionerLinked(stream=stream, at=at, practitioner_id=practitioner_id, former_id=former_id))


@transaction.atomic
def link_account(practitioner_id: int, user_id: int | None, *, actor: Actor, at: datetime) -> Practitioner:
    """Say that the entry and the account are one person (None: no account); their orders, earlier ones too, are theirs.

    Raises NotFound; Conflict when another entry has the account, or the entry was merged.
    """
    row = _locked(practitioner_id)
    if user_id is not None:
        if not User.objects.filter(pk=user_id).exists():
            raise NotFound("There is no such account.", at="account")
        if Practitioner.objects.filter(account=user_id).exclude(pk=row.pk).exists():
            raise Conflict("Another entry has this account: merge the two.", at="account", code="duplicate")
    _write(row, account_id=user_id)
    record(actor, "practitioner.link", row, at=at, account=user_id)
    _tell(row.pk, at)
    return row.reread()


@transaction.atomic
def merge_practitioners(keep_id: int, double_id: int, *, actor: Actor, at: datetime) -> Practitioner:
    """Say that two entries are one person: numbers, NPI, account and orders of the double are the other's.

    Raises NotFound; Invalid for one entry twice; Conflict when both have an account, or each an NPI of its own.
    """
    if keep_id == double_id:
        raise Invalid("An entry is not merged into itself.", at="double")
    rows = {pk: _locked(pk) for pk in sorted((keep_id, double_id))}  # by key, so that two merges never wait in a ring
    keep, double = rows[keep_id], rows[double_id]
    if keep.account_id and double.account_id:
        raise Conflict("Both entries have an account: take one of them away first.", at="account")
    if keep.npi and double.npi:
        raise Conflict("Each entry has an NPI of its own: these are two people.", at="npi")
    npi, account_id = keep.npi or double.npi, keep.account_id or double.account_id
    former = [*keep.former_names, double.name, *double.former_names]
    Practitioner.objects.take(states.MERGE, double.pk, merged_into=keep, npi="", account=None, reviewed=True, doubt="")
    double.numbers.update(practitioner=keep)
    _write(
        keep,
        npi=npi,
        account_id=account_id,
        former_names=list(dict.fromkeys(name for name in former if name and name != keep.name)),
        phones=list(dict.fromkeys([*keep.phones, *double.phones])),
    )
    record(actor, "practitioner.merge", keep, at=at, double=double.pk)
    _tell(keep.pk, at, former_id=double.pk)
    return keep.reread()


@transaction.atomic
def retire_practitioner(practitioner_id: int, *, actor: Actor, at: datetime) -> Practitioner:
    """They order nothing any more. Their numbers still mean them. Raises NotFound and Conflict."""
    row = Practitioner.objects.take(states.RETIRE, practitioner_id, reviewed=True, doubt="")
    record(actor, "practitioner.retire", row, at=at)
    return row


@transaction.atomic
def reinstate_practitioner(practitioner_id: int, *, actor: Actor, at: datetime) -> Practitioner:
    """They order again. Raises NotFound and Conflict."""
    row = Practitioner.objects.take(states.REINSTATE, practitioner_id, reviewed=True, doubt="")
    record(actor, "practitioner.reinstate", row, at=at)
    return row


@transaction.atomic
def correct_practitioner(
    practitioner_id: int, *, name: str, npi: str, phones: list[str], actor: Actor, at: datetime
) -> Practitioner:
    """Write name (``FAMILY^GIVEN``), NPI and telephone numbers; the entry has been looked at then.

    Raises NotFound; Invalid without a name; Conflict when another entry has the NPI.
    """
    row = _locked(practitioner_id)
    if not name_key(name):
        raise Invalid("An entry needs a name.", at="name")
    if npi and Practitioner.objects.filter(npi=npi).exclude(pk=row.pk).exists():
        raise Conflict("Another entry has this NPI: merge the two.", at="npi", code="duplicate")
    _write(row, name=name[:194], name_key=name_key(name), npi=npi[:20], phones=[phone[:64] for phone in phones[:10]])
    record(actor, "practitioner.correct", row, at=at)
    return row.reread()
