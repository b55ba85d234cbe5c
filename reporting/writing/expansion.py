"""Macros as text: parameters, nesting, cycles. Pure functions.

In a body: ``{.trigger}`` is another macro; ``{name}`` of a merge field is that field; any other ``{name}`` is a
parameter, written ``{name:type=default}``, with types text, number, date, and choice (``{side:choice=left|right}``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ris.kernel.errors import Invalid

from .fields import GAP, place_for
from .fields import Field as Place

MOST_DEPTH = 8
MOST_CHARACTERS = 20_000
TRIGGER = re.compile(r"[a-z0-9][a-z0-9_-]{1,31}")
_BRACES = re.compile(r"\{([^{}\n]{1,200})\}")
_PARAMETER = re.compile(r"([A-Za-z][\w -]{0,39})(?::(text|number|date|choice))?(?:=(.*))?")
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Expansion:
    """The text, the macros that are in it (each once, the outermost first), and merge fields that are in it."""

    text: str
    macros: tuple[str, ...]
    merged: tuple[str, ...]


@dataclass(slots=True)
class _Run:
    macros: Mapping[str, str]
    merge: Mapping[str, str]
    arguments: Mapping[str, str]
    used: dict[str, None] = field(default_factory=dict)
    merged: dict[str, None] = field(default_factory=dict)


def expand(
    trigger: str,
    macros: Mapping[str, str],
    *,
    arguments: Mapping[str, str] | None = None,
    merge: Mapping[str, str] | None = None,
) -> Expansion:
    """The text of a macro. ``macros``: trigger → body. ``merge``: name of a merge field → its text, empty if unknown.

    A parameter without argument and default becomes a place to fill in. Raises Invalid at ``trigger`` for a
    macro that is not there, calls itself, is nested deeper than MOST_DEPTH or longer than MOST_CHARACTERS; at the
    parameter's name for an argument that is not of its type.
    """
    run = _Run(macros, merge or {}, arguments or {})
    text = _expanded(trigger, run, ())
    return Expansion(text, tuple(run.used), tuple(run.merged))


def fill_merge(text: str, merge: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """A template's text with its merge fields, and which these were; other braces stay as they are."""
    merged: dict[str, None] = {}

    def replace(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name not in merge:
            return match[0]
        merged[name] = None
        return merge[name] or f"[{name} {GAP}]"

    return _BRACES.sub(replace, text), tuple(merged)


def nested_in(body: str) -> list[str]:
    """The triggers that a body calls."""
    return [match[1].strip()[1:] for match in _BRACES.finditer(body) if match[1].strip().startswith(".")]


def _expanded(trigger: str, run: _Run, above: tuple[str, ...]) -> str:
    if trigger in above:
        raise Invalid(f"The macro .{trigger} calls itself ({' → '.join((*above, trigger))}).", at="trigger")
    if len(above) >= MOST_DEPTH:
        raise Invalid(f"Macros are nested deeper than {MOST_DEPTH}: {' → '.join(above)}.", at="trigger")
    if trigger not in run.macros:
        raise Invalid(f"There is no macro .{trigger}.", at="trigger")
    run.used[trigger] = None

    def replace(match: re.Match[str]) -> str:
        inner = match[1].strip()
        if inner.startswith("."):
            return _expanded(inner[1:], run, (*above, trigger))
        if inner in run.merge:
            run.merged[inner] = None
            return run.merge[inner] or f"[{inner} {GAP}]"
        return _parameter(inner, run.arguments)

    # What came out of an inner macro or an argument is text already, and is not looked at again.
    text = _BRACES.sub(replace, run.macros[trigger])
    if len(text) > MOST_CHARACTERS:
        raise Invalid(f"The macro .{trigger} makes more than {MOST_CHARACTERS} characters.", at="trigger")
    return text


def _parameter(inner: str, arguments: Mapping[str, str]) -> str:
    match = _PARAMETER.fullmatch(inner)
    if match is None:
        return "{" + inner + "}"
    name, kind, default = match[1].strip(), match[2] or "text", match[3] or ""
    options = tuple(option.strip() for option in default.split("|")) if kind == "choice" else ()
    if name in arguments:
        return _argument(name, kind, options, arguments[name])
    if kind == "choice":
        return place_for(Place(name, options, 0, 0))
    return default or f"[{name} {GAP}]"


def _argument(name: str, kind: str, options: tuple[str, ...], value: str) -> str:
    fits = {
        "text": True,
        "number": bool(_NUMBER.fullmatch(value)),
        "date": bool(_DATE.fullmatch(value)),
        "choice": value in options,
    }[kind]
    if not fits:
        wanted = " or ".join(options) if options else f"a {kind}"
        raise Invalid(f"“{name}” wants {wanted}.", at=name)
    return value
