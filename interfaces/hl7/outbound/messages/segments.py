"""Segments that several messages share, and how a value is written so that it cannot leave its place."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from interfaces.hl7.models import Destination
from interfaces.hl7.v2.datatypes import format_moment
from interfaces.hl7.v2.encoding import codec_named, escape
from ris.orders.models import Order
from ris.patients.models import AssigningAuthority, Identifier, Patient, Visit

MessageBuilder = Callable[[Destination, str, datetime], list[str]]
"""(destination, control id, at) → segments without their terminators."""

APPLICATION = "WETREAD"
"""Our name in MSH-3, and the namespace of the numbers that we issue."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Encoded(str):
    """Text that is HL7 already: separators in it separate."""

    __slots__ = ()


Fields = dict[int, str | Encoded]
"""Field number → value; what is not :class:`Encoded` is escaped when it is written."""


def compose(*values: str | Encoded, by: str = "^") -> Encoded:
    """Components (or, ``by="&"``, sub-components), each escaped; empty ones at the end left out."""
    return Encoded(by.join([_encode(value) for value in values]).rstrip(by))


def _encode(value: str | Encoded) -> str:
    # Most values are codes and numbers; letters and digits alone hold nothing to escape, and asking so is cheap.
    return value if isinstance(value, Encoded) or not value or value.isalnum() else escape(value)


def repeat(values: Iterable[Encoded]) -> Encoded:
    """Repetitions of a field; empty ones are left out."""
    return Encoded("~".join(value for value in values if value))


def escape_text(text: str) -> Encoded:
    """One line of prose: control characters as ``\\X..\\`` (2.7.6), because framing and parsers stop at raw ones."""
    parts = _CONTROLS.split(text)
    controls = _CONTROLS.findall(text)
    written = [escape(parts[0])]
    for control, part in zip(controls, parts[1:], strict=True):
        written += [f"\\X{ord(control):02X}\\", escape(part)]
    return Encoded("".join(written))


def split_lines(text: str) -> list[str]:
    """The lines of a text. Only CR, LF and CRLF end a line; a separator such as U+2028 is a character of its line."""
    return re.split(r"\r\n|\r|\n", text)


def split_name(name: str) -> tuple[str, str]:
    """(family, given) of ``FAMILY^GIVEN``."""
    family, _, given = name.partition("^")
    return family, given


def write_segment(name: str, fields: Mapping[int, str | Encoded]) -> str:
    """A segment; empty fields at the end are left out."""
    values = {n: _encode(v) for n, v in fields.items() if v}
    return "|".join([name, *(values.get(n, "") for n in range(1, max(values, default=0) + 1))])


def new_control_id() -> str:
    """MSH-10: 20 characters, never twice."""
    return f"W{uuid.uuid4().hex[:19]}".upper()


def write_timestamp(at: datetime | None) -> str:
    """A moment as TS in UTC with its offset; empty for None."""
    return format_moment(at, UTC) if at else ""


def write_msh(destination: Destination, kind: str, control_id: str, at: datetime) -> str:
    """The header. ``kind`` is ``ORU^R01^ORU_R01``; in 2.3.1 the structure is left out where type and event imply it."""
    implied = destination.hl7_version < "2.4" and kind.rsplit("^", 1)[1] == "_".join(kind.split("^")[:2])
    fields: Fields = {
        3: APPLICATION,
        4: "RIS",
        5: destination.application or destination.name,
        6: destination.facility,
        7: write_timestamp(at),
        9: Encoded(kind.rsplit("^", 1)[0] if implied else kind),
        10: control_id,
        11: "P",
        12: destination.hl7_version,
        18: destination.charset,
    }
    # MSH-1 is the separator itself: counted as a field, it leaves one separator too many before MSH-3.
    return write_segment("MSH", fields).replace("MSH|||", "MSH|^~\\&|", 1)


def write_identifiers(rows: Iterable[Identifier]) -> Encoded:
    """CX, repeated: number, assigning authority with its universal id, type (table 0203)."""
    listed = list(rows)
    authorities = write_authorities({row.authority for row in listed})
    return repeat(compose(row.value, "", "", authorities[row.authority], row.kind) for row in listed)


def write_authorities(names: Collection[str]) -> dict[str, Encoded]:
    """HD of each authority in sub-components: namespace, universal id, its type, as far as a sender has said them.

    An authority that is known by its universal id alone has no namespace.
    """
    written = {name: compose(name, by="&") for name in names}
    known = AssigningAuthority.objects.filter(name__in=names).exclude(universal_id="")
    for row in known:
        namespace = "" if row.universal_id.startswith(row.name) else row.name
        written[row.name] = compose(namespace, row.universal_id, row.universal_id_type, by="&")
    return written


def write_names(patient: Patient, destination: Destination) -> Encoded:
    """PID-5: the name in letters (type L, table 0200), then ideographic (I) and phonetic (P) writings (table 0465).

    A writing of which the destination's character set has no sign at all is left out; a patient without any name is
    of type U (unspecified), because PID-5 must not be empty.
    """
    parts = [patient.family_name, patient.given_name, patient.middle_name, patient.suffix, patient.prefix]
    others = {"I": patient.ideographic_name, "P": patient.phonetic_name}
    written = {kind: name for kind, name in others.items() if name and _is_writable(name, destination)}
    if not any(parts):
        names = []
    elif written:
        names = [compose(*parts, "", "L", "A")]
    else:
        names = [compose(*parts)]
    for kind, name in written.items():
        family, given = split_name(name)
        names.append(compose(family, given, "", "", "", "", "L", kind))
    return repeat(names) or compose("", "", "", "", "", "", "U")


def _is_writable(name: str, destination: Destination) -> bool:
    codec = codec_named(destination.charset) or "utf-8"
    letters = [char for char in name if char.isalpha()]
    return any(char.encode(codec, "ignore") for char in letters) or not letters


def write_pid(patient: Patient, destination: Destination) -> str:
    """The patient. PID-3 holds the identifiers that are in use, the oldest first; given-up ones never leave in it."""
    living = patient.identifiers.filter(retired=False).order_by("pk")
    fields: Fields = {
        1: "1",
        3: write_identifiers(living),
        5: write_names(patient, destination),
        7: f"{patient.birth_date:%Y%m%d}" if patient.birth_date else "",
        8: patient.sex or "U",
        11: compose(patient.address),
        13: compose(patient.phone),
    }
    return write_segment("PID", fields)


def write_pv1(visit: Visit | None, order: Order | None = None) -> str:
    """The visit, else what the order said of it (PV1-2, 3, 8, 15); class U (unknown) where neither says."""
    location = (visit.location if visit else "") or (order.patient_location if order else "")
    referring = (visit.referring if visit else "") or (order.referring_provider if order else "")
    patient_class = (visit.patient_class if visit else "") or (order.patient_class if order else "")
    pregnant = bool(visit and visit.pregnant) or bool(order and order.pregnant)
    fields: Fields = {
        1: "1",
        2: patient_class or "U",
        3: compose(*location.split("-", 2)) if location else "",
        7: compose("", *split_name(visit.attending)) if visit and visit.attending else "",
        8: compose("", *split_name(referring)) if referring else "",
        15: "B6" if pregnant else "",
        19: _visit_number(visit) if visit else "",
    }
    return write_segment("PV1", fields)


def _visit_number(visit: Visit) -> Encoded:
    authority = write_authorities({visit.authority})[visit.authority]
    return compose(visit.number, "", "", authority, "VN")


def write_allergies(patient: Patient) -> list[str]:
    """AL1: one segment for each allergy, as a text."""
    return [
        write_segment("AL1", {1: str(n), 3: compose("", text)}) for n, text in enumerate(patient.allergies, start=1)
    ]


def write_entity(entity: Sequence[str], number: str, namespace: str) -> Encoded:
    """EI as it came (number, namespace, universal id, its type), if it is of ``number``; else number and namespace."""
    if entity and entity[0] and entity[0] == number:
        return compose(*(str(part or "") for part in entity[:4]))
    return compose(number, namespace) if number else Encoded("")


def placer_number(order: Order) -> Encoded:
    """ORC-2. A namespace that the placer did not give, so that its sender's name stood in, is not sent."""
    namespace = "" if order.placer_authority == order.source else order.placer_authority
    return write_entity(order.placer_entity, order.placer_number, namespace)


def filler_number(order: Order) -> Encoded:
    """ORC-3: the number of a sender that is itself the filler, as it came; else ours."""
    if order.sender_filler_number:
        return write_entity(order.filler_entity, order.sender_filler_number, "")
    return compose(order.filler_number, APPLICATION)


def ordering_provider(order: Order) -> Encoded:
    """XCN of who ordered: a repetition for each number that came, with authority (.9) and type (.13) as they came."""
    name, numbers = [*order.referrer_entity, "", []][:2] if order.referrer_entity else ("", [])
    if numbers and order.ordering_provider_id in ("", *(str(number[0]) for number in numbers)):
        family, given = split_name(order.ordering_provider or str(name))
        return repeat(_write_person(family, given, number) for number in numbers)
    family, given = split_name(order.ordering_provider)
    authority = compose(order.ordering_provider_authority, by="&")
    return compose(order.ordering_provider_id, family, given, "", "", "", "", "", authority)


def _write_person(family: str, given: str, number: Sequence[str]) -> Encoded:
    value, namespace, universal_id, id_type, kind = (str(part or "") for part in [*number, *[""] * 5][:5])
    authority = compose(namespace, universal_id, id_type, by="&")
    return compose(value, family, given, "", "", "", "", "", authority, "", "", "", kind)
