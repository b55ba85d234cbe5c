"""Who is who, by numbers and the authorities that issue them; and whose message writes the demographics."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.db.columns import check_values
from ris.kernel.db.statements import insert, insert_all, save
from ris.kernel.db.transactions import all_or_none, lock_name
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.events import emit

from ..events import PatientRevised
from ..intents import Number, PatientIntent
from ..matching import search_name
from ..models import AssigningAuthority, AuthorityAlias, Identifier, Patient, PatientNameToken
from ..prepared_queries import ALIAS, AUTHORITY_BY_OID, IDENTIFIERS
from ..search import name_tokens
from ..selectors import survivor
from .questions import ASK_FIRST, IdentityPolicy, ask_identity, check_identity, traits_said

MOST_NAME = 64
"""Characters of an authority's name in the database."""


@all_or_none()
def resolve_patient(
    intent: PatientIntent,
    *,
    actor: Actor,
    at: datetime,
    authoritative: bool,
    policy: IdentityPolicy = ASK_FIRST,
    message_id: int | None = None,
) -> Patient:
    """The patient with one of these identifiers; a new one when nobody has any.

    Identifiers not known yet are added. Each demographic field is written by the message of the highest
    rank: an ``authoritative`` one (ADT) before any other, then the later said; so neither a PID in an
    order nor a late message overwrites a newer ADT, and arrival order does not matter. A message that
    knows the patient by a merged record's identifier only changes nothing about the one who remains. Two who
    race with the same identifier get the same patient.
    Whether the description fits the patient is compared first (``ris.patients.matching``): where it does not,
    ``policy`` says whether it is held, or applied and a person asked; ``message_id`` is the message that said it.
    Raises Invalid when no identifier is given that names a person, or for what does not fit; Conflict when the
    identifiers belong to different patients; IdentityDoubt, a Conflict, when the description is held.
    """
    numbers = _check_numbers(intent)
    check_values(Patient, intent.demographics())
    # The names are locked, since a number that nobody has yet has no row: who sends it at once waits here.
    lock_name(*(f"identifier:{authority}:{value}" for value, authority, _ in intent.identifiers))
    known = _known(numbers)
    patient = _whose(known)
    created = patient is None
    patient = patient or Patient()
    # Silent identifiers came with a merged record; a message that knows no other number speaks of that record.
    silent = bool(known) and all(row.silent for row in known.values())
    said = traits_said(intent)
    doubt = None if created else check_identity(patient, said, policy)
    if doubt is not None:
        ask_identity(patient.pk, said, doubt, source=actor.name, message_id=message_id, held=False, at=at)
    changed = set() if silent else _write_demographics(patient, intent, authoritative, at)
    added = _add_identifiers(patient, numbers, known, silent)
    if created:
        record(actor, "patient.create", patient, patient_id=patient.pk, at=at)
    elif added or changed:
        record(actor, "patient.revise", patient, patient_id=patient.pk, at=at, fields=sorted(changed))
        emit(PatientRevised(stream=f"patient:{patient.pk}", at=at, patient_id=patient.pk))
    return patient


def _check_numbers(intent: PatientIntent) -> dict[Number, str]:
    """The numbers that name a person, with their types. Raises Invalid for none, or one that does not fit."""
    numbers = intent.numbers()
    if not numbers:
        raise Invalid("A patient needs at least one identifier; a visit or account number is none.", at="PID-3")
    for value, authority, kind in intent.identifiers:
        check_values(Identifier, {"value": value, "authority": authority, "kind": kind}, at="identifiers")
    return numbers


def _known(numbers: Iterable[Number]) -> dict[Number, Identifier]:
    """The rows of the numbers that are known, in the order given."""
    rows = IDENTIFIERS.all(*(value for value, _, _ in numbers))
    by_number = {(row.value, row.authority, row.series): row for row in rows}
    return {number: by_number[number] for number in numbers if number in by_number}


def _whose(known: dict[Number, Identifier]) -> Patient | None:
    """The living patient of these identifiers. Raises Conflict when they belong to several."""
    owners = {patient.pk: patient for patient in (survivor(row.patient) for row in known.values())}
    if len(owners) > 1:
        raise Conflict("These identifiers belong to different patients; merge them first.", at="PID-3")
    return next(iter(owners.values()), None)


def _add_identifiers(
    patient: Patient, numbers: dict[Number, str], known: dict[Number, Identifier], silent: bool
) -> bool:
    new = [
        Identifier(
            patient=patient, value=value, authority=authority, series=series, kind=kind or "MR", retired=silent,
            silent=silent,
        )
        for (value, authority, series), kind in numbers.items()
        if (value, authority, series) not in known
    ]  # fmt: skip
    insert_all(new)
    return bool(new)


def _write_demographics(patient: Patient, intent: PatientIntent, authoritative: bool, at: datetime) -> set[str]:
    """Write each field that was said with a higher rank than it has; return the names of those that changed."""
    moment = (intent.message_at or at).astimezone(UTC)
    # Ranks are compared as JSON lists: moments of equal width in UTC sort as texts, and of two message ids the longer
    # one is the later (9 before 10).
    rank = [int(authoritative), moment.isoformat(timespec="microseconds"), len(intent.message_id), intent.message_id]
    said = {n: v for n, v in intent.demographics().items() if patient.said.get(n, [-1]) <= rank}
    changed = {name for name, value in said.items() if getattr(patient, name) != value}
    if not said:
        if patient.pk is None:
            insert(patient)
        return changed
    for name, value in said.items():
        setattr(patient, name, value)
        patient.said[name] = rank
    if authoritative and (patient.demographics_at is None or patient.demographics_at < moment):
        patient.demographics_at = moment
    patient.search_name = search_name(*_names_of(patient))
    if changed and patient.pk is not None:
        patient.version += 1
    is_new = patient.pk is None
    save(patient)
    if changed & NAME_FIELDS:
        write_name_tokens(patient, is_new=is_new)
    return changed


NAME_FIELDS = frozenset({"family_name", "given_name", "middle_name", "ideographic_name", "phonetic_name"})


def _names_of(patient: Patient) -> tuple[str, str, str, str, str]:
    return (
        patient.family_name, patient.given_name, patient.middle_name, patient.ideographic_name, patient.phonetic_name,
    )  # fmt: skip


def write_name_tokens(patient: Patient, *, is_new: bool = False) -> None:
    """Let a search find the patient by the name that they have now, and by those of records merged into theirs."""
    tokens = dict.fromkeys(name_tokens(*_names_of(patient)))
    if not is_new:
        # A merged record's tokens hold those of records merged into it before.
        of_merged = PatientNameToken.objects.filter(patient__merged_into=patient).order_by("pk")
        tokens |= dict.fromkeys(of_merged.values_list("token", flat=True)[:MOST_TOKENS_OF_MERGED])
        PatientNameToken.objects.filter(patient=patient).delete()
    insert_all([PatientNameToken(patient=patient, token=token) for token in tokens])


MOST_TOKENS_OF_MERGED = 200
"""That a patient keeps of the names of records merged into theirs."""


def absorb_demographics(patient: Patient, other: Patient) -> None:
    """Write to ``patient`` each field that was said of ``other`` with a higher rank."""
    # The merge has counted up the version in the database; a stale row would write the old one back.
    patient.refresh_from_db()
    said = {name: rank for name, rank in other.said.items() if patient.said.get(name, [-1]) < rank}
    for name, rank in said.items():
        setattr(patient, name, getattr(other, name))
        patient.said[name] = rank
    if said:
        patient.search_name = search_name(*_names_of(patient))
        moments = [m for m in (patient.demographics_at, other.demographics_at) if m]
        patient.demographics_at = max(moments, default=None)
        patient.save()


def authority_named(namespace: str, universal_id: str = "", id_type: str = "") -> str:
    """The name under which numbers of this HD (namespace, universal id, its type) are kept.

    A universal id decides. One that is new is noted with the namespace that it came with; where that namespace is
    another authority's already, the universal id itself becomes the name, so that two hospitals which both call
    themselves ``MRN`` stay two. A namespace alone is looked up among the aliases.
    """
    if universal_id:
        known = AUTHORITY_BY_OID.first(universal_id)
        return known.name if known else _note_universal_id(namespace, universal_id, id_type)
    alias = ALIAS.first(namespace)
    return alias.authority.name if alias else namespace


@transaction.atomic
def _note_universal_id(namespace: str, universal_id: str, id_type: str) -> str:
    lock_name(f"authority:{universal_id}", f"authority:{namespace}")
    # Read again under the lock: another process may have noted it meanwhile.
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
    standing = Identifier.objects.filter(authority=name)
    moving = Identifier.objects.filter(authority=alias)
    # Identifiers are unique in their authority: moving one that stands there already would break the constraint.
    in_both = set(moving.values_list("series", "value")) & set(standing.values_list("series", "value"))
    if in_both:
        raise Conflict(f"{len(in_both)} numbers exist under both; merge or correct their patients first.", at="alias")
    authority, _ = AssigningAuthority.objects.get_or_create(name=name)
    row, _ = AuthorityAlias.objects.update_or_create(alias=alias, defaults={"authority": authority})
    moved = moving.update(authority=name)
    record(actor, "authority.alias", authority, at=at, moved=moved)
    return row
