"""Words that the checks know, read from ``lexicon/*.toml``: one file a language, all languages at once.

To add a language: write its file with the tables of ``en.toml``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

_FOLDER = Path(__file__).with_name("lexicon")


@cache
def _tables() -> tuple[dict[str, dict[str, list[str]]], ...]:
    return tuple(tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.toml")))


@cache
def entries(table: str, key: str) -> tuple[str, ...]:
    """The regular expressions of one entry, of all languages."""
    return tuple(expression for language in _tables() for expression in language.get(table, {}).get(key, ()))


@cache
def keys(table: str) -> tuple[str, ...]:
    """The names of a table's entries, of all languages, each once."""
    return tuple(dict.fromkeys(key for language in _tables() for key in language.get(table, {})))


@cache
def pattern(table: str, key: str) -> re.Pattern[str]:
    """One pattern for an entry; case does not count, words are whole."""
    return compile_words(entries(table, key))


def compile_words(expressions: Iterable[str]) -> re.Pattern[str]:
    """A pattern of any of these, longer ones first. One without expressions matches nothing."""
    # An alternation takes the first that fits, so longer expressions stand first.
    parts = sorted(expressions, key=len, reverse=True)
    if not parts:
        # (?!) never matches; an empty alternation would match everywhere.
        return re.compile(r"(?!)")
    # A hyphen before a word makes it another word: “non-displaced” is not “displaced”.
    return re.compile(r"(?<![\w-])(?:" + "|".join(parts) + r")(?![\w])", re.IGNORECASE)


@cache
def terms(table: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """(name, pattern) of each entry of a table."""
    return tuple((key, pattern(table, key)) for key in keys(table))


@lru_cache(maxsize=4096)
def names_in(table: str, text: str) -> frozenset[str]:
    """The entries of a table that are mentioned in ``text``."""
    return frozenset(key for key, words in terms(table) if words.search(text))
