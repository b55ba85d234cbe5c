"""``[fields]`` in the plain text of a template. Pure functions.

Written ``[name]``, ``[name=default]`` or ``[name=default|another|a third]``; an empty default is none. Inserted, a
field becomes its default, or a place to fill in that ends in ``____``, over which the check "unfilled field" lets
nobody sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ris.kernel.errors import Invalid

GAP = "____"
FIELD = re.compile(r"\[([^\[\]=|\n]{1,60})(?:=([^\[\]]*))?\]")
_KINDS = ("TEXT", "TEXTAREA", "SELECTION_LIST", "NUMERIC", "DATE", "TIME", "CHECKBOX")
_KEYS = {"type", "unit", "code", "element", "set", "min", "max", "step", "computed", "codes", "action"}


@dataclass(frozen=True, slots=True)
class Field:
    """A field and where it stands in the text of its section, [start, end)."""

    name: str
    options: tuple[str, ...]
    start: int
    end: int

    @property
    def default(self) -> str:
        """The first option; empty where there is none."""
        return self.options[0] if self.options else ""


def fields_of(text: str) -> Iterator[Field]:
    """The fields of a text, in order."""
    for match in FIELD.finditer(text):
        options = tuple(option.strip() for option in (match[2] or "").split("|"))
        yield Field(match[1].strip(), options if any(options) else (), match.start(), match.end())


def place_for(field: Field) -> str:
    """What stands in a report until the field is filled in."""
    options = "/".join(option for option in field.options if option)
    return f"[{field.name}: {options} {GAP}]" if options else f"[{field.name} {GAP}]"


def filled(text: str, *, normal: bool) -> str:
    """The text for a report. ``normal``: fields become their defaults, as far as they have one."""
    parts, end = [], 0
    for field in fields_of(text):
        parts += [text[end : field.start], field.default if normal and field.default else place_for(field)]
        end = field.end
    return "".join([*parts, text[end:]])


def safe_option(text: str) -> str:
    """A text as it can stand in a field: the signs of the notation are replaced by like ones, lines are joined."""
    for sign, like in (("[", "("), ("]", ")"), ("|", "/"), ("=", ":")):
        text = text.replace(sign, like)
    return " ".join(text.split())


def check_fields(known: object) -> dict[str, dict[str, object]]:
    """What is known of fields, as it may be stored: name → properties. Raises Invalid at ``fields``."""
    if not isinstance(known, dict):
        raise Invalid("A map of names of fields to their properties is wanted.", at="fields")
    for name, properties in known.items():
        if not isinstance(properties, dict) or not set(properties) <= _KEYS:
            raise Invalid(f"Field “{name}”: its properties are among {', '.join(sorted(_KEYS))}.", at="fields")
        if properties.get("type", "TEXT") not in _KINDS:
            raise Invalid(f"Field “{name}”: its type is one of {', '.join(_KINDS)}.", at="fields")
    return known
