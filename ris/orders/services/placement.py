"""Orders are placed with their numbers, procedures and scheduled steps (IHE RAD-2).

What a sender did not say comes from the catalog or is issued here: accession number ((0008,0050), OBR-18), procedure
and step numbers, Study Instance UID.
"""

from __future__ import annotations

from datetime import datetime

from ris.audit.services import Actor, record
from ris.catalog.models import Device
from ris.kernel.db.columns import check_values
from ris.kernel.db.statements import insert, update
from ris.kernel.db.transactions import all_or_none, lock_name
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.events import emit
from ris.kernel.values import new_uid

from .. import states
from ..events import OrderPlaced
from ..intents import Code, OrderIntent, ProcedureIntent, StepIntent
from ..models import Order, RequestedProcedure, ScheduledStep
from ..prepared_queries import FIRST_DEVICE, ORDER_BY_PLACER_NUMBER, ORDERS_BY_ACCESSION, SITE
from ..selectors_catalog import find_catalog_procedure
from .appointments import match_waiting_appointment
from .flags import UNKNOWN_STATION, add_flag
from .modality import tell_modality
from .referrers import identify_referrer, write_copies
from .studies import attach_study

LONGEST_ACCESSION = 16
"""Accession Number has the value representation SH (PS3.5 6.2)."""
PRIORITIES = frozenset(value for value, _ in Order.PRIORITIES)
DEFAULT_MINUTES = 15
"""Room time of a procedure that the catalog does not know."""
MOST_DESCRIPTION = 120
"""Characters of a step's description; the text of a code may be longer."""
DEFAULT_MODALITY = "OT"
"""Modality "other" (PS3.16 CID 29): Modality is type 1 on the worklist, so it is never empty."""

# No I and no O: people read them as digits.
_SUFFIXES = "ABCDEFGHJKLMNPQRSTUVWXYZ"


@all_or_none()
def place_order(intent: OrderIntent, *, actor: Actor, at: datetime) -> Order:
    """Take an order in; it is on the modality worklist when this transaction has committed.

    What was not said is issued or inferred: accession number, procedure and step numbers, Study
    Instance UID, modality, device, start (``at``). Unknown codes and stations are accepted and flagged.
    Of two who send the same placer number one wins; the other gets Conflict (code ``duplicate``).
    """
    if not intent.procedures:
        raise Invalid("An order needs at least one procedure.", at="procedures")
    check_intent(intent)
    if intent.placer_number:
        # Locked before it is looked for: two who send a new number at once would both find none.
        lock_placer(intent.placer_authority, intent.placer_number)
        earlier = find_order(intent.placer_authority, intent.placer_number)
        if earlier and (earlier.state != states.CANCELLED or earlier.placer_generation >= intent.placer_generation):
            raise Conflict("This placer order number was used before.", at="placer_number", code="duplicate")
    if intent.accession:
        check_accession(intent.accession, intent.patient_id)
    order = insert(_new_order(intent, at))
    # Both numbers are made of the primary key, which the database has issued only now.
    if not order.accession:
        order.accession = issue_accession(order)
    order.filler_number = order.filler_number or f"F{order.pk}"
    update(order, "accession", "filler_number")
    if intent.copies_to:
        write_copies(order, intent, at=at)
    for number, procedure in enumerate(intent.procedures, start=1):
        add_procedure(order, procedure, at, nth=number)
    match_waiting_appointment(order, actor=actor, at=at)
    record(actor, "order.place", order, patient_id=order.patient_id, at=at, accession=order.accession)
    emit(OrderPlaced(stream=order.accession, at=at, order_id=order.pk))
    return order


def _new_order(intent: OrderIntent, at: datetime) -> Order:
    """The row, not yet written; its referrer is looked up, and entered in the address book if new."""
    practitioner = identify_referrer(intent, at=at)
    return Order(
        state=states.ACTIVE,
        practitioner=practitioner,
        referrer_id=practitioner.account_id if practitioner else None,
        site_id=intent.site_id,
        patient_id=intent.patient_id,
        accession=intent.accession,
        placer_number=intent.placer_number,
        placer_authority=intent.placer_authority,
        placer_generation=intent.placer_generation,
        source=intent.source,
        placed_at=intent.placed_at or at,
        **intent.content(),
    )


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


def accession_within(number: str) -> str:
    """``number`` where it can be an accession number, else an empty text: cut to fit, it might be another order's."""
    return number if len(number) <= LONGEST_ACCESSION else ""


def issue_accession(order: Order) -> str:
    """The site's prefix and the order's primary key; with a letter where a sender used that number before."""
    site = SITE.first(order.site_id)
    # A prefix has at most 6 characters, so with a letter the number has 14 of the 16 (SH).
    base = f"{site.accession_prefix if site else ''}{order.pk:07d}"
    if not ORDERS_BY_ACCESSION.all(base):
        return base
    candidates = [base + letter for letter in _SUFFIXES]
    used = {other.accession for other in ORDERS_BY_ACCESSION.all(*candidates)}
    return next(candidate for candidate in candidates if candidate not in used)


def find_order(placer_authority: str, placer_number: str) -> Order | None:
    """The order of that placer number, the last one where it was ordered anew; None if there is none."""
    return ORDER_BY_PLACER_NUMBER.first(placer_authority, placer_number)


def lock_order(order_id: int) -> Order:
    """The order, locked until the transaction ends. Raises NotFound."""
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is None:
        raise NotFound("There is no such order.")
    return order


def check_intent(intent: OrderIntent) -> None:
    """Raise Invalid for a procedure without a code, a priority that does not exist, or a text that does not fit."""
    if any(not procedure.code.value for procedure in intent.procedures):
        raise Invalid("Each procedure needs a code.", at="procedures.code")
    if intent.priority and intent.priority not in PRIORITIES:
        raise Invalid(f"The priority is one of {', '.join(sorted(PRIORITIES))}.", at="priority")
    check_values(Order, vars(intent))
    for procedure in intent.procedures:
        code = {"code": procedure.code.value, "code_text": procedure.code.text, "coding_system": procedure.code.system}
        check_values(RequestedProcedure, vars(procedure) | code, at="procedures")
        for step in procedure.steps:
            check_values(ScheduledStep, vars(step), at="procedures.steps")


def add_procedure(order: Order, intent: ProcedureIntent, at: datetime, *, nth: int = 0) -> RequestedProcedure:
    """Write a procedure and its steps. Raises Conflict when its Study Instance UID is another procedure's.

    ``nth`` is its place in the order, from 1, where the caller knows it without counting.
    """
    catalog = find_catalog_procedure(intent.code, *intent.alternates, laterality=intent.laterality)
    modality = tell_modality(order, intent, catalog)
    if intent.study_uid and RequestedProcedure.objects.filter(study_uid=intent.study_uid).exists():
        raise Conflict("This Study Instance UID belongs to another procedure.", at="study_uid", code="duplicate")
    procedure = insert(
        RequestedProcedure(
            order=order,
            state=states.ACTIVE,
            # Requested Procedure ID is an SH, 16 characters, and unique in this system: so is the order's key, while
            # accession numbers may be as long as an SH and alike in what is left of them.
            number=intent.number or f"P{order.pk}-{nth or order.procedures.count() + 1}",
            study_uid=intent.study_uid or new_uid(),
            procedure=catalog,
            code=intent.code.value,
            code_text=intent.code.text or (catalog.name if catalog else ""),
            coding_system=intent.code.system,
            modality=modality or DEFAULT_MODALITY,
            laterality=intent.laterality or (catalog.laterality if catalog else ""),
        )
    )
    for number, step in enumerate(intent.steps or (StepIntent(),), start=1):
        add_step(procedure, step, at, nth=number)
    if intent.study_uid:  # images may have come before the order
        attach_study(procedure, at=at)
    return procedure


def add_step(procedure: RequestedProcedure, intent: StepIntent, at: datetime, *, nth: int = 0) -> ScheduledStep:
    """Write a scheduled step, on the device it names or else on the first of its modality at the site.

    ``nth`` is its place in the procedure, from 1, where the caller knows it without counting.
    """
    modality = intent.modality or procedure.modality
    device = find_device(procedure.order, modality, intent.station_aes)
    catalog = procedure.procedure
    protocols = intent.all_protocols()
    protocol = protocols[0] if protocols else Code("")
    return insert(
        ScheduledStep(
            procedure=procedure,
            state=states.SCHEDULED,
            # Scheduled Procedure Step ID is an SH too, and a sender may have numbered the procedure.
            number=intent.number or f"S{procedure.pk}.{nth or procedure.steps.count() + 1}",
            modality=modality,
            device=device,
            station_aes=list(intent.station_aes) or ([device.ae_title] if device else []),
            station_names=list(intent.station_names) or ([device.name] if device else []),
            location=intent.location or (device.room if device else ""),
            start=intent.start or at,
            minutes=intent.minutes or (catalog.minutes if catalog else DEFAULT_MINUTES),
            description=(intent.description or procedure.code_text or procedure.code)[:MOST_DESCRIPTION],
            protocol_code=protocol.value,
            protocol_system=protocol.system,
            protocol_text=protocol.text,
            protocol_codes=[[code.value, code.text, code.system] for code in protocols],
            performing_physician=intent.performing_physician,
        )
    )


def find_device(order: Order, modality: str, station_aes: tuple[str, ...]) -> Device | None:
    """The active device that an AE title names; the site's first of the modality when no title is given.

    None, and the order flagged, when no device has any of the titles.
    """
    if station_aes:
        titles = [title.strip() for title in station_aes]
        device = Device.objects.filter(ae_title__in=titles, active=True).first()
        if device is None:
            add_flag(order, UNKNOWN_STATION)
        return device
    return FIRST_DEVICE.first(modality, order.site_id)
