"""Filling in what an order did not say: catalog, device, numbers."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Value
from django.db.models.functions import Upper

from ris.catalog.models import Device, Procedure, Site
from ris.kernel.db.locks import lock_name
from ris.kernel.db.statements import Kept, insert
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.identifiers import new_uid

from .. import states
from ..intents import Code, OrderIntent, ProcedureIntent, StepIntent
from ..models import Order, RequestedProcedure, ScheduledStep

PRIORITIES = frozenset(value for value, _ in Order.PRIORITIES)

UNKNOWN_PROCEDURE = "unknown procedure"
UNKNOWN_STATION = "unknown station"
UNKNOWN_MODALITY = "unknown modality"
PERFORMED_THOUGH_CANCELLED = "performed though cancelled"
REPORTED_THEN_UNLINKED = "reported, then unlinked"


_CATALOG = Kept(
    lambda code: Procedure.objects.alias(folded=Upper("code")).filter(folded=Upper(Value(code)), active=True),
    steady=True,
)


def _of_column(column: str) -> Kept[Procedure]:
    """Active procedures by a code in ``column``; one without a side first, since the code does not say one."""
    return Kept(
        lambda value: (
            Procedure.objects.alias(folded=Upper(column))
            .filter(folded=Upper(Value(value)), active=True)
            .order_by("laterality", "pk")
        ),
        steady=True,
    )


_BY_COLUMN = {column: _of_column(column) for column in ("cpt", "loinc", "radlex")}
COLUMN_OF_SYSTEM = {
    "C4": "cpt", "C5": "cpt", "CPT": "cpt", "CPT4": "cpt", "HCPCS": "cpt", "HPC": "cpt", "HCPT": "cpt",
    "LN": "loinc", "LOINC": "loinc", "2.16.840.1.113883.6.1": "loinc", "2.16.840.1.113883.6.12": "cpt",
    "RPID": "radlex", "RADLEX": "radlex", "RDL": "radlex", "2.16.840.1.113883.6.256": "radlex",
}  # fmt: skip
"""Coding system as senders name it (table 0396, OIDs) → column of the catalog."""

_FIRST_DEVICE = Kept(
    lambda modality, site_id: Device.objects.filter(modality=modality, site=site_id, active=True).order_by("pk")[:1],
    steady=True,
)
_SITE = Kept(lambda site_id: Site.objects.filter(pk=site_id), steady=True)
_OF_ACCESSION = Kept(lambda *accessions: Order.objects.filter(accession__in=accessions))


def lock_placer(authority: str, number: str) -> None:
    """Let one transaction at a time speak about the order of this placer number, placed or not."""
    lock_name(f"placer:{authority}:{number}")


def locked_order(order_id: int) -> Order:
    """The order, locked until the transaction ends. Raises NotFound."""
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is None:
        raise NotFound("There is no such order.")
    return order


def check_words(intent: OrderIntent) -> None:
    """Raise Invalid for a missing procedure code or a priority that is none."""
    if any(not procedure.code.value for procedure in intent.procedures):
        raise Invalid("Each procedure needs a code.", at="procedures.code")
    if intent.priority and intent.priority not in PRIORITIES:
        raise Invalid(f"The priority is one of {', '.join(sorted(PRIORITIES))}.", at="priority")


def flag(order: Order, what: str) -> None:
    """Note on the order something that a person should look at (once)."""
    if what not in order.flags:
        order.flags = [*order.flags, what]
        Order.objects.filter(pk=order.pk).update(flags=order.flags)


def unflag(order: Order, *what: str) -> None:
    """It is seen to."""
    order.flags = [flagged for flagged in order.flags if flagged not in what]
    Order.objects.filter(pk=order.pk).update(flags=order.flags)


def catalog_procedure(*codes: Code) -> Procedure | None:
    """Return the catalog's procedure of the first of these codes that it knows; None when it knows none.

    The system of a code (OBR-4.3, OBR-4.6; table 0396) names the column in which it is looked up; without one, or where
    that column lacks it, our own codes (same system first), then every column. Case does not count.
    """
    return next((known for code in codes if code.value and (known := _known(code)) is not None), None)


def _known(code: Code) -> Procedure | None:
    column = COLUMN_OF_SYSTEM.get(code.system.upper().replace("-", ""), "")
    if column and (known := _BY_COLUMN[column].first(code.value)):
        return known
    if alike := _CATALOG.all(code.value):
        return next((p for p in alike if p.coding_system == code.system), alike[0])
    others = (rows.first(code.value) for name, rows in _BY_COLUMN.items() if name != column)
    return next((known for known in others if known), None)


def add_procedure(order: Order, intent: ProcedureIntent, at: datetime, *, nth: int = 0) -> RequestedProcedure:
    """Write a procedure and its steps. Raises Conflict when its Study Instance UID is another procedure's.

    ``nth`` is its place in the order, from 1, where the caller knows it without counting.
    """
    known = catalog_procedure(intent.code, *intent.alternates)
    modality = intent.modality or (known.modality if known else "") or _step_modality(intent)
    if known is None:
        flag(order, UNKNOWN_PROCEDURE)
    if not modality:
        flag(order, UNKNOWN_MODALITY)
    if intent.study_uid and RequestedProcedure.objects.filter(study_uid=intent.study_uid).exists():
        raise Conflict("This Study Instance UID belongs to another procedure.", at="study_uid", code="duplicate")
    procedure = insert(
        RequestedProcedure(
            order=order,
            state=states.ACTIVE,
            number=intent.number or f"{order.accession[-10:]}-{nth or order.procedures.count() + 1}",
            study_uid=intent.study_uid or new_uid(),
            procedure=known,
            code=intent.code.value,
            code_text=intent.code.text or (known.name if known else ""),
            coding_system=intent.code.system,
            modality=modality or "OT",
            laterality=intent.laterality or (known.laterality if known else ""),
        )
    )
    for number, step in enumerate(intent.steps or (StepIntent(),), start=1):
        add_step(procedure, step, at, nth=number)
    return procedure


def _step_modality(intent: ProcedureIntent) -> str:
    return next((step.modality for step in intent.steps if step.modality), "")


def add_step(procedure: RequestedProcedure, intent: StepIntent, at: datetime, *, nth: int = 0) -> ScheduledStep:
    """Write a scheduled step, on the device it names or else on the first of its modality at the site."""
    modality = intent.modality or procedure.modality
    device = find_device(procedure.order, modality, intent.station_aes)
    known = procedure.procedure
    protocols = intent.protocols or ((intent.protocol,) if intent.protocol else ())
    protocol = protocols[0] if protocols else Code("")
    return insert(
        ScheduledStep(
            procedure=procedure,
            state=states.SCHEDULED,
            number=intent.number or f"{procedure.number[-13:]}.{nth or procedure.steps.count() + 1}",
            modality=modality,
            device=device,
            station_aes=list(intent.station_aes) or ([device.ae_title] if device else []),
            station_names=list(intent.station_names) or ([device.name] if device else []),
            location=intent.location or (device.room if device else ""),
            start=intent.start or at,
            minutes=intent.minutes or (known.minutes if known else 15),
            description=intent.description or procedure.code_text or procedure.code,
            protocol_code=protocol.value,
            protocol_system=protocol.system,
            protocol_text=protocol.text,
            protocol_codes=[[code.value, code.text, code.system] for code in protocols],
            performing_physician=intent.performing_physician,
        )
    )


def find_device(order: Order, modality: str, station_aes: tuple[str, ...]) -> Device | None:
    """The device an AE title names; the site's first of the modality when none is named; else None and a flag."""
    if station_aes:
        titles = [ae.strip() for ae in station_aes]
        device = Device.objects.filter(ae_title__in=titles, active=True).first()
        if device is None:
            flag(order, UNKNOWN_STATION)
        return device
    return _FIRST_DEVICE.first(modality, order.site_id)


def check_accession(accession: str, patient_id: int) -> None:
    """An accession number that was sent: at most 16 characters (SH), and of this patient's orders only."""
    if len(accession) > 16:
        raise Invalid("An accession number has at most 16 characters.", at="accession")
    if Order.objects.filter(accession=accession).exclude(patient_id=patient_id).exists():
        raise Conflict("This accession number belongs to another patient's order.", at="accession", code="duplicate")


def issue_accession(order: Order) -> str:
    """The site's prefix and the order's own key; a letter more where a sender already used that one."""
    site = _SITE.first(order.site_id)
    base = f"{site.accession_prefix if site else ''}{order.pk:07d}"
    if not _OF_ACCESSION.all(base):
        return base
    candidates = [base + letter for letter in "ABCDEFGHJKLMNPQRSTUVWXYZ"]
    taken = {other.accession for other in _OF_ACCESSION.all(*candidates)}
    return next(candidate for candidate in candidates if candidate not in taken)
