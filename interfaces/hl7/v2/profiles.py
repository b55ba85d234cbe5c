"""Conformance profiles: HL7's XML of what a message must look like, as the codec takes it (HL7 2.5, chapter 2.12)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ris.kernel.errors import Invalid

from .validation import VERSIONS, components_of

MOST_BYTES = 2_000_000
USAGES = ("R", "RE", "C", "CE", "O", "X", "B", "W")
Reference = tuple[Any, ...]
"""(kind, children, …) as hl7apy keeps its own structures."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a structure, such as ``ORU_R01``, must look like for somebody."""

    structure: str
    version: str
    reference: Reference


@lru_cache(maxsize=64)
def read_profile(xml: str) -> Profile:
    """The profile in ``xml``: one HL7v2xConformanceProfile with one HL7v2xStaticDef.

    Raises Invalid that names the element, such as ``OBX-5``, and says the cure.
    """
    if len(xml.encode()) > MOST_BYTES:
        raise Invalid(f"It has more than {MOST_BYTES:,} bytes. Give a profile of one message.", at="xml")
    try:
        root = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Invalid(f"It is no XML that can be read ({error}). Export it again without DTD.", at="xml") from None
    static = root.find("HL7v2xStaticDef")
    if root.tag != "HL7v2xConformanceProfile" or static is None:
        cure = "Give an HL7v2xConformanceProfile that holds an HL7v2xStaticDef, as profile editors export it."
        raise Invalid(f"It is no message profile. {cure}", at="xml")
    structure = static.get("MsgStructID") or f"{static.get('MsgType')}_{static.get('EventType')}"
    if not re.fullmatch(r"[A-Z]{3}(_[A-Z0-9]{3})?", structure):
        raise Invalid("It does not say of which message it is. Fill MsgStructID, such as ORU_R01.", at="MsgStructID")
    version = root.get("HL7Version", "")
    if version not in VERSIONS:
        raise Invalid(f"“{version}” is no version that is written here. Give {', '.join(VERSIONS)}.", at="HL7Version")
    children = tuple(_parts(static, structure, version))
    if not children or children[0][0] != "MSH":
        raise Invalid("The first segment of a message is MSH. Begin the profile with it.", at="MSH")
    return Profile(structure, version, ("sequence", children))


def _parts(parent: Element, structure: str, version: str) -> Iterator[Reference]:
    """Segments and groups of a message or group."""
    for child in parent:
        name = child.get("Name", "")
        if child.tag == "Segment":
            if not re.fullmatch(r"[A-Z][A-Z0-9]{2}", name):
                raise Invalid(f"“{name}” is no segment. Give it the Name of one, such as PID.", at="Segment")
            yield name, ("sequence", tuple(_fields(child, name, version))), _cardinality(child, name), "SEG"
        elif child.tag == "SegGroup":
            if not name:
                raise Invalid("A group of segments has no Name.", at="SegGroup")
            group = f"{structure}_{name.upper().replace(' ', '_')}"
            yield group, ("sequence", tuple(_parts(child, structure, version))), _cardinality(child, group), "GRP"


def _fields(segment: Element, name: str, version: str) -> Iterator[Reference]:
    for number, field in enumerate(segment.findall("Field"), start=1):
        place = f"{name}-{number}"
        key = f"{name}_{number}"
        yield key, _leaf(field, place, "Component", version), _cardinality(field, place), "FIE"


def _leaf(element: Element, place: str, below: str, version: str) -> Reference:
    """Datatype, length and table of a field, component or sub-component, and what it consists of: as the profile
    says or, where it says nothing, as the version does."""
    given = element.get("Datatype", "")
    datatype = "varies" if given.lower() == "varies" else given.upper()
    try:
        usual = components_of(datatype, version)
    except KeyError:
        raise Invalid(f"“{given}” is no data type of {version}. Give {place} one, such as ST.", at=place) from None
    children = tuple(
        (
            f"{datatype}_{n}",
            _leaf(part, f"{place}.{n}", "SubComponent", version),
            _cardinality(part, f"{place}.{n}"),
            "CMP",
        )
        for n, part in enumerate(element.findall(below), start=1)
    )
    parts = (children or usual) if usual else None
    table = element.get("Table")
    length = _number(element.get("Length") or "-1", place, "Length")
    return "sequence" if parts else "leaf", parts, datatype, None, f"HL7{table}" if table else None, length


def _cardinality(element: Element, place: str) -> tuple[int, int]:
    """(fewest, most); -1: as many as there are. Usage R needs one, X allows none."""
    usage = element.get("Usage", "O")
    if usage not in USAGES:
        raise Invalid(f"“{usage}” is no Usage. Give {place} one of {', '.join(USAGES)}.", at=place)
    fewest = _number(element.get("Min") or "0", place, "Min")
    most = element.get("Max") or ("1" if element.tag in ("Component", "SubComponent") else "*")
    highest = -1 if most == "*" else _number(most, place, "Max")
    if usage == "X":
        return 0, 0
    if 0 <= highest < fewest:
        raise Invalid(f"Max is less than Min. Let {place} allow at least what it demands.", at=place)
    return (max(fewest, 1) if usage == "R" else fewest), highest


def _number(text: str, place: str, what: str) -> int:
    if not re.fullmatch(r"-1|\d{1,7}", text):
        raise Invalid(f"“{text}” is no number. Give {place} a {what} in digits.", at=place)
    return int(text)
