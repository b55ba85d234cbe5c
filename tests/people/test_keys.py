"""One table of keys: no two actions of a screen share one, and templates take every key from it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ris.people.keys import BY_NAME, KEYS, LIST, ROOM, Key, clashes

TEMPLATES = Path(__file__).parents[2] / "templates"
pytestmark = pytest.mark.once


def test_no_two_actions_of_a_screen_have_the_same_key() -> None:
    assert clashes(KEYS) == []
    assert len(BY_NAME) == len(KEYS)


def test_a_clash_and_a_reserved_key_are_told_by_name() -> None:
    park = replace(BY_NAME["room-park"], default=BY_NAME["room-skip"].default)
    told = clashes([park, BY_NAME["room-skip"], Key("odd", "Odd", "j", frozenset({LIST}))])
    assert told == [
        "“j” is for the next row, not for odd.",
        f"“alt+s” is both room-park and room-skip on: {ROOM}.",
    ]


def test_in_the_room_park_skip_hand_over_release_and_next_work_while_one_types() -> None:
    for name in ("room-park", "room-skip", "room-hand-over", "room-release", "room-next", "images", "compare"):
        assert ROOM in BY_NAME[name].screens and BY_NAME[name].default.startswith("alt+")


def test_every_key_in_a_template_comes_from_the_table() -> None:
    used = set()
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert 'data-key="' not in text, f"{path}: write {{% key %}} instead"
        used |= set(re.findall(r'\{% key "([a-z-]+)" %\}', text))
    # Of the rest, scripts make the element (undo, go-to), or a name is put together (the fields of a report).
    made_elsewhere = {"undo", "go-to", "accept", "select", "hand-over", *(n for n in BY_NAME if n.startswith("field-"))}
    assert used <= set(BY_NAME) and set(BY_NAME) - used <= made_elsewhere
