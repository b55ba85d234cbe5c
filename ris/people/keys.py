"""The one table of keys: what each does, by default, and on which screens. Templates, ``?`` and profile read it.

A key is written as ``static/js/keys.js`` names it: modifiers in the order ctrl, alt, shift, then the key, all lower
case, joined by ``+``. Single keys work where nobody writes; in the reading room the cursor stands in the report, so
its keys are chords.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

LIST, ROOM, CASE, BOARD = "reading list", "reading room", "case of others", "board"
COORDINATOR, ORDERS, ORDER_ENTRY, CORRECTION = "coordinator", "orders", "order entry", "correction"
RULES, RULES_DRAFT, ROSTER, MESSAGE = "rules", "draft of rules", "roster", "message"
TEMPLATES, TEMPLATE = "report templates", "report template"
SCREENS = (
    LIST, ROOM, CASE, BOARD, COORDINATOR, ORDERS, ORDER_ENTRY, CORRECTION, RULES, RULES_DRAFT, ROSTER, MESSAGE,
    TEMPLATES, TEMPLATE,
)  # fmt: skip
EVERYWHERE = frozenset(SCREENS)

RESERVED = {
    "j": "the next row", "k": "the row before", "h": "the lane to the left", "l": "the lane to the right",
    "g": "the first key of a page", "/": "the search", "?": "the list of keys", "enter": "opening the row",
    "escape": "closing", "tab": "the next field", "shift+tab": "the field before",
}  # fmt: skip
"""Keys of every screen that no action may have, and what they are for."""


@dataclass(frozen=True, slots=True)
class Key:
    """An action that has a key. ``default`` may be changed by each person; ``screens``: where the key works."""

    name: str
    label: str
    default: str
    screens: frozenset[str]


def _key(name: str, label: str, default: str, *screens: str) -> Key:
    return Key(name, label, default, frozenset(screens))


KEYS: tuple[Key, ...] = (
    Key("go-to", "Go to a patient, an accession number or a page", "ctrl+k", EVERYWHERE),
    Key("undo", "Undo", "z", EVERYWHERE),
    Key("accept", "Accept the case that is offered", "y", EVERYWHERE),
    _key("next-case", "Next case: the server chooses", "n", LIST, CASE),
    _key("claim", "Claim and read", "c", LIST, CASE),
    _key("take-over", "Take over from its reader", "t", LIST, CASE),
    _key("release", "Release", "r", LIST),
    _key("skip", "Skip", "s", LIST),
    _key("resume", "Resume a parked case", "u", LIST),
    _key("select", "Select the row for hand-over", "x", LIST),
    _key("hand-over", "Hand over the selected cases", "shift+h", LIST),
    _key("images", "Images in the viewer", "alt+i", ROOM, CASE),
    _key("compare", "Images beside the latest prior", "alt+c", ROOM, CASE),
    _key("prior", "Open the latest prior report", "alt+o", ROOM, CASE),
    _key("room-next", "Next case; this one stays yours", "alt+n", ROOM),
    _key("room-park", "Park", "alt+p", ROOM),
    _key("room-skip", "Skip", "alt+s", ROOM),
    _key("room-hand-over", "Hand over", "alt+h", ROOM),
    _key("room-release", "Release", "alt+r", ROOM),
    _key("told", "Record who was told", "alt+m", ROOM, CASE),
    _key("cover", "One report for all linked exams", "alt+l", ROOM),
    _key("follow-up", "Recommend a follow-up", "alt+u", ROOM, CASE),
    _key("field-technique", "To technique", "f2", ROOM, CORRECTION),
    _key("field-comparison", "To comparison", "f3", ROOM, CORRECTION),
    _key("field-findings", "To findings", "f4", ROOM, CORRECTION),
    _key("field-impression", "To impression", "f6", ROOM, CORRECTION),
    _key("field-critical", "To the critical finding", "f8", ROOM, CASE, CORRECTION),
    _key("normal-report", "Normal report", "f7", ROOM, CORRECTION),
    _key("template", "Choose a template", "shift+f7", ROOM, CORRECTION),
    _key("next-field", "Next field", "f9", ROOM, CORRECTION),
    _key("previous-field", "Previous field", "shift+f9", ROOM, CORRECTION),
    _key("compute", "Fill in computed fields", "shift+f8", ROOM, CORRECTION),
    _key("new-template", "New template", "o", TEMPLATES),
    _key("save", "Save", "ctrl+enter", TEMPLATE),
    _key("preliminary", "Release as preliminary", "ctrl+shift+enter", ROOM),
    _key("sign", "Sign", "ctrl+enter", ROOM, CORRECTION),
    _key("correct", "Correct this report", "e", CASE),
    _key("acknowledge", "Seen to", "x", COORDINATOR),
    _key("arrive", "Arrive", "a", BOARD),
    _key("start", "Start exam", "s", BOARD),
    _key("complete", "Complete exam", "c", BOARD),
    _key("new-order", "New order", "o", ORDERS),
    _key("place-order", "Place the order", "ctrl+enter", ORDER_ENTRY),
    _key("new-draft", "New draft of the rules", "o", RULES),
    _key("check", "Read the rules aloud", "ctrl+enter", RULES_DRAFT),
    _key("try-it", "Try the rules on the past", "alt+t", RULES_DRAFT),
    _key("new-shift", "New shift", "o", ROSTER),
    _key("replay", "Replay", "r", MESSAGE),
    _key("edit", "Edit", "e", MESSAGE),
    _key("preview", "Preview", "ctrl+enter", MESSAGE),
    _key("resend", "Send again", "r", MESSAGE),
)

BY_NAME: dict[str, Key] = {key.name: key for key in KEYS}

_ALTERNATIVES = frozenset({frozenset({"replay", "resend"})})
"""Actions of one kind of screen that no page offers together: a message came in or goes out."""


def clashes(keys: Iterable[Key]) -> list[str]:
    """Sentences about keys that two actions of one screen share, or that are reserved; none when all is well."""
    keys = list(keys)
    taken = [f"“{key.default}” is for {RESERVED[key.default]}, not for {key.name}." for key in keys
             if key.default in RESERVED]  # fmt: skip
    return taken + [
        f"“{one.default}” is both {one.name} and {other.name} on: {', '.join(sorted(one.screens & other.screens))}."
        for one, other in combinations(keys, 2)
        if one.default == other.default and one.screens & other.screens
        and frozenset({one.name, other.name}) not in _ALTERNATIVES
    ]  # fmt: skip


def key_caps(key: str) -> str:
    """A key as it stands on the keyboard: ``alt+p`` → ``Alt P``, the same as ``pretty`` in ``keys.js``."""
    caps = {"enter": "⏎", "ctrl": "Ctrl", "alt": "Alt", "shift": "⇧"}
    return " ".join(caps.get(part, part.upper()) for part in key.split("+"))
