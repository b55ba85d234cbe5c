"""The people who ordered an exam, and who get copies, as entries of the address book (ORC-12, OBR-16, PV1-8, OBR-28).

What was said of them stays with the order as it came; the entry and its account are what rights depend on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F

from ris.patients.services import authority_named
from ris.people.models import Practitioner
from ris.people.practitioners.matching import PersonReference, identify_practitioner

from ..intents import OrderIntent, Person, PersonNumber, Recipient
from ..models import Order

NPI = "NPI"
NPI_OID = "2.16.840.1.113883.4.6"
"""The National Provider Identifier as the type of a number (table 0203) or its authority's name, and its OID."""
_SAID = ("referrer_entity", "ordering_provider", "ordering_provider_id")


def identify_referrer(intent: OrderIntent, *, at: datetime) -> Practitioner | None:
    """Return the address-book entry of who orders, a new one if they are not known; None where nobody is named."""
    person = intent.referrer_entity or _person_of_columns(
        intent.ordering_provider, intent.ordering_provider_id, intent.ordering_provider_authority
    )
    return _identify(person, intent.source, at)


def write_copies(order: Order, intent: OrderIntent, *, at: datetime) -> None:
    """Write which address-book entries get copies of the report, in place of those written before."""
    people = (_person_of_recipient(recipient) for recipient in intent.copies_to)
    entries = [entry for person in people if (entry := _identify(person, intent.source, at))]
    order.copy_practitioners.set(entries)


def revise_referrers(order: Order, intent: OrderIntent, *, at: datetime) -> None:
    """Write who orders and who gets copies, as far as the intent names them."""
    if any(getattr(intent, name) for name in _SAID):
        practitioner = identify_referrer(intent, at=at)
        if practitioner is not None and practitioner.pk != order.practitioner_id:
            Order.objects.filter(pk=order.pk).update(
                practitioner=practitioner, referrer=practitioner.account_id, version=F("version") + 1
            )
    if intent.copies_to:
        write_copies(order, intent, at=at)


@transaction.atomic
def enter_referrers(*, after: int, most: int, at: datetime) -> tuple[int, int | None]:
    """Identify who orders for up to ``most`` orders with a higher id than ``after`` that have no entry yet.

    Return how many have one now, and after which id to go on; None when there are no more.
    """
    rows = Order.objects.select_for_update(of=("self",)).filter(pk__gt=after, practitioner=None)
    orders = list(rows.exclude(ordering_provider="", ordering_provider_id="").order_by("pk")[:most])
    entered = 0
    for order in orders:
        columns = (order.ordering_provider, order.ordering_provider_id, order.ordering_provider_authority)
        practitioner = _identify(_person_of_columns(*columns), order.source, at)
        if practitioner is not None:
            entered += Order.objects.filter(pk=order.pk).update(
                practitioner=practitioner, referrer=practitioner.account_id, version=F("version") + 1
            )
    return entered, orders[-1].pk if orders else None


def follow_practitioner(practitioner_id: int, *, former_id: int = 0) -> None:
    """Make the entry's account the referrer of its orders; those of ``former_id``, merged into it, are its own now."""
    account_id = Practitioner.objects.values_list("account_id", flat=True).get(pk=practitioner_id)
    if former_id:
        through = Order.copy_practitioners.through.objects
        shared = through.filter(practitioner_id=practitioner_id).values("order_id")
        through.filter(practitioner_id=former_id, order_id__in=list(shared.values_list("order_id", flat=True))).delete()
        through.filter(practitioner_id=former_id).update(practitioner_id=practitioner_id)
    orders = Order.objects.filter(practitioner_id__in=[practitioner_id, former_id])
    orders.update(practitioner_id=practitioner_id, referrer_id=account_id, version=F("version") + 1)


def _identify(person: Person, source: str, at: datetime) -> Practitioner | None:
    reference = PersonReference(
        name=person.name,
        authority=_first_authority(person.numbers) or source,
        numbers=tuple(_known_numbers(person.numbers, source)),
        npi=next((number.number[:20] for number in person.numbers if is_npi(number)), ""),
    )
    return identify_practitioner(reference, source=source, at=at)


def is_npi(number: PersonNumber) -> bool:
    """Whether a number is a National Provider Identifier: by its type, its authority's name or its OID."""
    named = {number.namespace.upper(), number.kind.upper()}
    return bool(number.number) and (NPI in named or number.universal_id == NPI_OID)


def _known_numbers(numbers: Iterable[PersonNumber], source: str) -> list[tuple[str, str]]:
    """(authority, number) of each number but NPIs; one that came without an authority is the sender's."""
    return [
        (authority_named(number.namespace, number.universal_id, number.universal_id_type) or source, number.number)
        for number in numbers
        if number.number and not is_npi(number)
    ]


def _first_authority(numbers: tuple[PersonNumber, ...]) -> str:
    return next((number.namespace or number.universal_id for number in numbers if not is_npi(number)), "")


def _person_of_columns(name: str, number: str, authority: str) -> Person:
    """Who orders, where only the three columns of the order are said: at a desk, and by programs."""
    return Person(name, (PersonNumber(number, authority),) if number or authority else ())


def _person_of_recipient(recipient: Recipient) -> Person:
    return Person(recipient.name, (PersonNumber(recipient.number, recipient.authority, kind=recipient.kind),))
