"""Finds the words of a template: sentences between tags, and attributes that people read.

``mark`` wraps each of them in ``{% text %}…{% endtext %}`` (``ris.kernel.templatetags.language``), as the loader does
with every template of ours. A segment ends where the page's structure does: at block elements, at template tags, at
`` · ``. Links, emphasis and keys inside a sentence belong to it, so that a translator may move them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.template import Origin
from django.template.base import tag_re
from django.template.loaders.filesystem import Loader as FileSystem

INLINE = {"a", "abbr", "b", "code", "em", "i", "kbd", "q", "strong"}
ATTRIBUTES = ("title", "aria-label", "placeholder", "alt", r"data-ask[\w-]*", "data-no-viewer", r"data-say[\w-]*")
ARGUMENTS = ("title", "text", "link_text", "label", "heading")
"""Of ``{% include … with %}``: those that are words."""

SPOKEN = {
    "actions", "because", "doubt", "doubts", "duties", "effects", "error", "fault", "flags", "gaps", "help_text",
    "label", "meaning", "merits", "message", "notes", "problem", "refusal", "refusal.detail", "section.title",
    "sentence", "violation", "violations", "warning", "words",
}  # fmt: skip
"""Variables whose values are words of ours, by their last name, as are ``…_display``: they get the filter ``say``."""

_DJANGO = re.compile(
    r"{% block (?:rail|topbar_class|referrer|language|main_tabindex) %}.*?{% endblock %}|" + tag_re.pattern, re.DOTALL
)
"""Tags of the template language. Blocks whose content is a program's word, not people's, count as one of them."""

_HOLE = re.compile("\x00(\\d+)\x00")
_TAG = re.compile(r"<!--.*?-->|<(/?)([a-zA-Z!][\w-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>", re.DOTALL)
_ATTRIBUTE = re.compile(rf"""(?<=\s)({"|".join(ATTRIBUTES)})="([^"]*)\"""")
_LITERAL = re.compile(
    rf"""(\|default(?:_if_none)?:|\b(?:{"|".join(ARGUMENTS)})=)("[^"]*[A-Za-z]{{3}}[^"]*"|'[^']*[A-Za-z]{{3}}[^']*')"""
)
_RAW = re.compile(r"(<(script|style|code|pre)\b.*?</\2>)", re.DOTALL)
_VARIABLE = re.compile(r"\{\{ ?((?:[\w.]+\.)?(\w+))(?=[ |}])")
_LETTERS = re.compile(r"[^\W\d_]{2}|\b[a-zA-Z]\b")


@dataclass
class _Item:
    kind: str
    """text, hole (a variable), open, close or break."""
    source: str
    name: str = ""


class Loader(FileSystem):
    """Loads templates from files with their words marked."""

    def get_contents(self, origin: Origin) -> str:
        """The source of a template, marked; elements of allauth are structure only."""
        source = super().get_contents(origin)
        return source if "/allauth/elements/" in origin.name else mark(source)


def mark(source: str) -> str:
    """The template with every segment inside ``{% text %}``; line numbers stay as they are."""
    holes: list[str] = []

    def dig(match: re.Match[str]) -> str:
        holes.append(_speak(match[0]))
        return f"\x00{len(holes) - 1}\x00"

    marked = "".join(_mark_runs(_items(_DJANGO.sub(dig, source), holes)))
    return _HOLE.sub(lambda match: holes[int(match[1])], marked)


def _speak(tag: str) -> str:
    """A tag whose words are translated: literals of ``default`` and ``include``, variables that hold words."""
    if not tag.startswith(("{{", "{% include")):
        return tag
    tag = _LITERAL.sub(r"\1_(\2)", tag)
    name = _VARIABLE.match(tag)
    if name and (name[2] in SPOKEN or name[1] in SPOKEN or name[2].endswith("_display")):
        tag = f"{tag[: name.end(1)]}|say{tag[name.end(1) :]}"
    if "|say" in tag or "|words|" in tag:
        tag = tag.replace("|lower", "|small")  # a German noun stays large
    return tag


def _mark_runs(items: Iterable[_Item]) -> Iterator[str]:
    run: list[_Item] = []
    for item in items:
        if item.kind == "break":
            yield _run(run)
            run = []
            yield item.source
        else:
            run.append(item)
    yield _run(run)


def _items(text: str, holes: list[str]) -> Iterator[_Item]:
    for position, part in enumerate(_RAW.split(text)):
        if position % 3 == 2:
            continue  # the name of the raw element
        if position % 3 == 1:
            yield _Item("break", part)
            continue
        end = 0
        for tag in _TAG.finditer(part):
            yield from _text(part[end : tag.start()], holes)
            yield _tag(tag, holes)
            end = tag.end()
        yield from _text(part[end:], holes)


def _tag(tag: re.Match[str], holes: list[str]) -> _Item:
    source = _ATTRIBUTE.sub(lambda found: f'{found[1]}="{"".join(_mark_runs(_text(found[2], holes)))}"', tag[0])
    name = (tag[2] or "!--").lower()
    if name not in INLINE:
        return _Item("break", source)
    return _Item("close" if tag[1] else "open", source, name)


def _text(text: str, holes: list[str]) -> Iterator[_Item]:
    for position, part in enumerate(re.split("(\x00\\d+\x00| · )", text)):
        if position % 2 == 0:
            if part:
                yield _Item("text", part)
        elif part == " · ":
            yield _Item("break", part)
        else:
            variable = holes[int(part.strip("\x00"))].startswith("{{")
            yield _Item("hole" if variable else "break", part)


def _run(run: list[_Item]) -> str:
    """The run, marked: as one segment where words stand beside its elements, else each element for itself."""
    pairs = _pairs(run)
    for position, item in enumerate(run):
        if item.kind in {"open", "close"} and position not in pairs:
            return _run(run[:position]) + item.source + _run(run[position + 1 :])
    loose, position = "", 0
    while position < len(run):
        if run[position].kind == "open":
            position = pairs[position]
        elif run[position].kind == "text":
            loose += run[position].source + "\n"
        position += 1
    return _whole(run, pairs) if _LETTERS.search(loose) else _each(run, pairs)


def _each(run: list[_Item], pairs: dict[int, int]) -> str:
    parts, position = [], 0
    while position < len(run):
        item = run[position]
        parts.append(item.source)
        if item.kind == "open":
            inside = run[position + 1 : pairs[position]]
            words = "".join(one.source for one in inside) if item.name == "kbd" else _run(inside)  # a key is no word
            parts += [words, run[pairs[position]].source]
            position = pairs[position]
        position += 1
    return "".join(parts)


def _whole(run: list[_Item], pairs: dict[int, int]) -> str:
    if run[-1].name == "kbd":  # the key on a button
        return _run(run[: pairs[len(run) - 1]]) + _each(run[pairs[len(run) - 1] :], _pairs(run[pairs[len(run) - 1] :]))
    if run[0].name == "kbd":
        return _each(run[: pairs[0] + 1], pairs) + _run(run[pairs[0] + 1 :])
    source = "".join(item.source for item in run)
    head = len(source) - len(source.lstrip(" \n\t,.;:()–"))
    tail = len(source.rstrip(" \n\t,;:()–")) if source.rstrip()[-1:] not in ".?!" else len(source.rstrip())
    if "(" in source[head:tail] or ")" in source[head:tail]:  # a bracket that belongs to the sentence stays whole
        head, tail = len(source) - len(source.lstrip()), len(source.rstrip())
    return f"{source[:head]}{{% text %}}{source[head:tail]}{{% endtext %}}{source[tail:]}"


def _pairs(run: list[_Item]) -> dict[int, int]:
    """Which opening tag of the run belongs to which closing one, both ways."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    for position, item in enumerate(run):
        if item.kind == "open":
            opened.append(position)
        elif item.kind == "close" and opened and run[opened[-1]].name == item.name:
            start = opened.pop()
            pairs[start], pairs[position] = position, start
    return pairs
