"""Words of the pages for people outside, and the cover texts that the system begins with: data, a file a language."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from django.http import HttpRequest

FOLDER = Path(__file__).parent
LANGUAGES = ("en", "de")
CHOSEN = "portal_language"
"""Key in a session: the language that somebody chose."""


@cache
def words_of(language: str) -> dict[str, str]:
    """The words of a language."""
    words: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return words


@cache
def first_covers() -> dict[str, dict[str, str]]:
    """Language → kind of result → the cover text that the system begins with."""
    covers: dict[str, dict[str, str]] = json.loads((FOLDER / "covers.json").read_text(encoding="utf-8"))
    return covers


def language_of(request: HttpRequest) -> str:
    """What was chosen on the page, else the browser's first language that we have, else English."""
    chosen = request.GET.get("language") or request.session.get(CHOSEN)
    if chosen in LANGUAGES:
        return str(chosen)
    asked = [
        part.partition(";")[0].strip()[:2].lower() for part in request.headers.get("Accept-Language", "").split(",")
    ]
    return next((language for language in asked if language in LANGUAGES), "en")


def page_words(request: HttpRequest) -> dict[str, Any]:
    """What the templates of these pages want: ``language`` and ``t``, its words."""
    language = language_of(request)
    return {"language": language, "t": words_of(language)}
