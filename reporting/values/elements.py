"""A set of common data elements (RadElement JSON, RSNA/ACR cde.schema.json) as lines of a template. Pure functions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ris.kernel.errors import Invalid

from ..writing.fields import safe_option

MOST_ELEMENTS = 200


@dataclass(frozen=True, slots=True)
class ReadSet:
    """A set: its lines, one for each element, and what is known of their fields."""

    identifier: str
    name: str
    version: str
    modality: str
    text: str
    known: dict[str, dict[str, Any]]
    content: dict[str, Any]


def read_element_set(content: bytes) -> ReadSet:
    """Read a file. Raises Invalid at the member that is wrong."""
    try:
        given = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise Invalid("The file is not JSON.", at="line 1") from None
    if not isinstance(given, dict) or not re.fullmatch(r"RDES\d{1,9}", str(given.get("id", ""))):
        raise Invalid("A set has an id of RDES and a number.", at="id")
    elements = given.get("elements")
    if not isinstance(elements, list) or not 0 < len(elements) <= MOST_ELEMENTS:
        raise Invalid(f"A set has 1 to {MOST_ELEMENTS} elements.", at="elements")
    known: dict[str, dict[str, Any]] = {}
    lines = [_line(element, f"elements[{n}]", str(given["id"]), known) for n, element in enumerate(elements)]
    modalities = {str(entry.get("code", "")) for entry in given.get("modalities") or [] if isinstance(entry, dict)}
    version = given["set_version"] if isinstance(given.get("set_version"), dict) else {}
    name = " ".join(str(given.get("name") or given["id"]).split())[:199]
    modality = modalities.pop()[:16] if len(modalities) == 1 else ""
    number = str(version.get("number", ""))[:16]
    return ReadSet(str(given["id"]), name, number, modality, "\n".join(lines), known, given)


def _line(element: Any, at: str, set_id: str, known: dict[str, dict[str, Any]]) -> str:
    if not isinstance(element, dict) or not re.fullmatch(r"RDE\d{1,9}", str(element.get("id", ""))):
        raise Invalid("An element has an id of RDE and a number.", at=f"{at}.id")
    name = safe_option(str(element.get("name") or element["id"]))[:50].strip(" :") or str(element["id"])
    name = f"{name} {element['id']}" if name in known else name
    properties: dict[str, Any] = {"element": str(element["id"]), "set": set_id, "type": "TEXT"}
    known[name] = properties
    kinds = ("integer_value", "integer_values", "float_value", "float_values")
    number = next((element[kind] for kind in kinds if element.get(kind)), None)
    number = number[0] if isinstance(number, list) and number else number
    if isinstance(number, dict):
        unit = str(number.get("unit") or "")
        limits = {key: str(number[key]) for key in ("min", "max", "step") if number.get(key) is not None}
        properties |= {"type": "NUMERIC", "unit": unit} | limits
        # UCUM writes arbitrary units in brackets, which would be a field here.
        return f"{name}: [{name}]{' ' + safe_option(unit) if unit else ''}."
    values = element.get("value_set") or {}
    if isinstance(values, dict) and isinstance(values.get("values"), list):
        codes = {safe_option(str(v.get("name") or v.get("value") or v.get("code"))): str(v.get("code", ""))
                 for v in values["values"] if isinstance(v, dict)}  # fmt: skip
        properties |= {"type": "SELECTION_LIST", "codes": codes}
        # The first choice stays open: no value of a finding is the usual one.
        return f"{name}: [{name}=|{'|'.join(codes)}]."
    if "boolean_value" in element:
        properties["type"] = "SELECTION_LIST"
        return f"{name}: [{name}=|yes|no]."
    return f"{name}: [{name}]."
