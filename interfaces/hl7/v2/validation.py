"""The only place that knows hl7apy: strict checks of what we send, names of fields for people who look."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from tempfile import NamedTemporaryFile
from typing import Any

from hl7apy import load_reference
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import is_base_datatype
from hl7apy.exceptions import ChildNotFound, HL7apyException
from hl7apy.parser import get_message_info, parse_message
from hl7apy.validation import Validator

from ris.kernel.errors import Invalid

VERSIONS = ("2.3.1", "2.4", "2.5", "2.5.1")
"""Versions that we write. (hl7apy's group tables of 2.6 and later refuse a second COMMON_ORDER.)"""


# Encapsulated data beyond its beginning: hl7apy knows a largest size for it, where the standard has none.
_DATA = re.compile(r"(\rOBX\|\d*\|ED\|[^\r]*?\^Base64\^[A-Za-z0-9+/]{0,64})[A-Za-z0-9+/=]*")


def why_invalid(text: str, profile: tuple[Any, ...] | None = None) -> str:
    """Check a message strictly against a profile's reference or, without one, against the structure of its version.

    Return what is wrong with it; empty when nothing is. A profile's lengths count, too.
    """
    text = _DATA.sub(r"\1", text)
    try:
        if profile is not None:
            return _against(text, profile)
        message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
        if message.name == "ORM_O01":
            _validate_segments(message)
        else:
            Validator.validate(message)
    except HL7apyException as error:
        return f"{type(error).__name__}: {error}"[:250]
    except Exception as error:  # hl7apy stumbles over some input with plain Python errors
        return f"Not checkable: {type(error).__name__}"
    return ""


def _against(text: str, profile: tuple[Any, ...]) -> str:
    """Parsed as the version has it, and validated as the profile has it. hl7apy tells lengths in a file only."""
    name = structure_of(text)
    message = parse_message(
        text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=True, message_profile={name: profile}
    )
    with NamedTemporaryFile("r") as report:
        Validator.validate(message, profile, report_file=report.name)
        too_long = (line for line in report if "Exceeded max length" in line)
        return next(too_long, "").removeprefix("Warning: ").strip()[:250]


def structure_of(text: str) -> str:
    """The message structure (MSH-9.3, or what MSH-9.1 and .2 imply). Raises HL7apyException."""
    return str(get_message_info(text)[1])


def _validate_segments(group: Any) -> None:
    """Each segment by itself: hl7apy takes the choice that an ORM offers (OBR or RQD or RXO …) for "all of them"."""
    for child in group.children:
        if child.classname == "Segment":
            if not child.name.startswith("Z"):
                Validator.validate(child)
        else:
            _validate_segments(child)


def components_of(datatype: str, version: str) -> tuple[Any, ...] | None:
    """The components of a data type, as hl7apy keeps them; None for one that has none. Raises KeyError if unknown."""
    if datatype == "varies" or is_base_datatype(datatype, version):
        return None
    try:
        return tuple(load_reference(datatype, "Datatypes_Structs", version))
    except ChildNotFound:
        raise KeyError(datatype) from None


def structure_as_profile(structure: str, version: str) -> str:
    """The version's own structure, such as ``ORU_R01``, as a message profile (XML) to begin from. Raises Invalid."""
    try:
        reference = load_reference(structure, "Message", version)
    except Exception:  # of several kinds, by what hl7apy does not know
        raise Invalid(f"HL7 {version} has no message structure {structure}.", at="structure") from None
    kind, _, event = structure.partition("_")
    static = f'MsgType="{kind}" EventType="{event}" MsgStructID="{structure}"'
    head = (
        f'<HL7v2xConformanceProfile HL7Version="{version}" ProfileType="Constrainable">\n<HL7v2xStaticDef {static}>\n'
    )
    return head + "".join(_elements(reference[1], structure)) + "</HL7v2xStaticDef>\n</HL7v2xConformanceProfile>\n"


def _elements(children: Any, structure: str) -> Iterator[str]:
    for name, reference, (fewest, most), kind in children:
        said = f'Usage="{"R" if fewest else "O"}" Min="{fewest}" Max="{"*" if most == -1 else most}"'
        if kind == "FIE":
            datatype = reference[2] or "varies"  # none: reserved, or left to the other side
            yield f'    <Field Name="{reference[3] or name}" {said} Datatype="{datatype}"/>\n'
            continue
        element, shown = ("Segment", name) if kind == "SEG" else ("SegGroup", name.removeprefix(f"{structure}_"))
        yield f'  <{element} Name="{shown}" {said}>\n'
        yield from _elements(reference[1], structure)
        yield f"  </{element}>\n"


@lru_cache(maxsize=512)
def field_names(segment: str, version: str) -> dict[int, str]:
    """Field number → name, such as 18 → ``PLACER FIELD 1``; empty for a segment or version that is not known."""
    try:
        reference = load_reference(segment, "Segment", version if version in _KNOWN else "2.5.1")
    except Exception:  # Z-segments; whatever else hl7apy does not know
        return {}
    names: dict[int, str] = {}
    for child in reference[1]:
        number = int(child[0].rsplit("_", 1)[1])
        names[number] = str(child[1][3] or "").replace("_", " ").capitalize()
    return names


_KNOWN = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")
