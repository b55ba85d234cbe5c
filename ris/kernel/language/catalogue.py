"""What services say, in the language of who reads it: sentences are looked up whole, then by their pattern.

Services speak English, for REST and logs, and fill in their values at once (``f"{reader} holds this case."``). A page
finds the catalogue's message ``{reader} holds this case.`` by the words around the values.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from django.utils.translation import get_language, gettext, pgettext
from django.utils.translation.trans_real import translation

SAID = "said"
"""Context of patterns: sentences whose values Python has filled in."""

SCRIPT = "script"
"""Context of what scripts say."""

_PLACE = re.compile(r"\{(\w+)\}")


def say(text: str) -> str:
    """The sentence in the active language; as it is, when the catalogue does not know it."""
    language = get_language()
    if not text or not language or language.startswith("en"):
        return text
    return _said(text, language)


@lru_cache(maxsize=2000)
def _said(text: str, language: str) -> str:
    whole = gettext(text)
    if whole != text:
        return whole
    for pattern, message in _patterns(language):
        match = pattern.fullmatch(text)
        if match:
            names = dict.fromkeys(_PLACE.findall(message))
            values = {name: _value(value) for name, value in zip(names, match.groups(), strict=True)}
            return _PLACE.sub(lambda place, values=values: values[place[1]], pgettext(SAID, message))  # type: ignore[misc]
    return text


def _value(value: str) -> str:
    """A state or a kind, which stands small inside a sentence, translated; a name, which stands large, as it is."""
    return gettext(value) if value[:1].islower() else value


@lru_cache(maxsize=20)
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Patterns of all messages with values, those with the most words first."""
    catalogue: Any = translation(language)
    keys = [key.partition("\x04") for key in catalogue._catalog.keys() if isinstance(key, str)]  # noqa: SIM118  (no mapping)
    messages = [message for context, _, message in keys if context == SAID and re.search(r"\w{2}", _words(message))]
    return [(_pattern(message), message) for message in sorted(messages, key=lambda one: -len(_words(one)))]


def _words(message: str) -> str:
    return _PLACE.sub("", message)


def _pattern(message: str) -> re.Pattern[str]:
    seen: list[str] = []
    parts = []
    for position, part in enumerate(_PLACE.split(message)):
        if position % 2 == 0:
            parts.append(re.escape(part))
        elif part in seen:
            parts.append(f"\\{seen.index(part) + 1}")
        else:
            seen.append(part)
            parts.append("(.*?)")
    return re.compile("".join(parts), re.DOTALL)


def script_table() -> dict[str, str]:
    """English → the active language, of all that scripts say; empty in English."""
    language = get_language() or "en"
    return {} if language.startswith("en") else _script_table(language)


@lru_cache(maxsize=20)
def _script_table(language: str) -> dict[str, str]:
    catalogue: Any = translation(language)
    keys = (key.partition("\x04") for key in catalogue._catalog.keys() if isinstance(key, str))  # noqa: SIM118
    return {english: pgettext(SCRIPT, english) for context, _, english in keys if context == SCRIPT}


def forget() -> None:
    """Forget what was looked up: for tests that change the catalogue."""
    _said.cache_clear()
    _patterns.cache_clear()
    _script_table.cache_clear()
