"""What holds about an order, given all that was said about it: a pure function of a set.

Messages arrive late, twice and out of order. So utterances are kept, and folded in
the order in which they were spoken (message time, then control id); the picture is
the same in whatever order they arrived. A cancellation is for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

Words = dict[str, Any]

NEW, CHANGE, CANCEL, HOLD, RELEASE, STATUS = "new", "change", "cancel", "hold", "release", "status"
BOOK, UNBOOK = "book", "unbook"
"""An appointment is made or moved; it is called off: the order waits."""
TELLS_CONTENT = frozenset({NEW, CHANGE})

STARTED, COMPLETED, DISCONTINUED = "started", "completed", "discontinued"
_FURTHER = {"": 0, STARTED: 1, DISCONTINUED: 2, COMPLETED: 3}


def add(said: list[Words], utterance: Words) -> list[Words]:
    """``said`` with one more utterance; one with the same rank and verb (a resend, an edited copy) gives way."""
    key = utterance["rank"], utterance["verb"]
    rest = [u for u in said if (u["rank"], u["verb"]) != key]
    return sorted([*rest, utterance], key=lambda u: (u["rank"], u["verb"]))


def fold(said: Iterable[Words]) -> Words:
    """The picture: ``order`` fields, ``procedures`` with ``steps``, ``cancelled``, ``held``, ``progress``.

    ``progress`` maps the number of a procedure to how far it is; under "" what was said of the whole order.
    """
    picture: Words = {"order": {}, "procedures": [], "cancelled": False, "reason": "", "held": False, "progress": {}}
    unbooked = False
    for utterance in sorted(said, key=lambda u: (u["rank"], u["verb"])):
        unbooked = unbooked and utterance["verb"] != BOOK
        verb = utterance["verb"]
        if verb in TELLS_CONTENT:
            picture["order"] |= utterance["order"]
            _fold_procedures(picture["procedures"], utterance)
        elif verb == CANCEL:
            _fold_cancel(picture, utterance)
        elif verb in (HOLD, RELEASE):
            picture["held"] = verb == HOLD
        elif verb == BOOK:
            _fold_booking(picture, utterance)
        elif verb == UNBOOK:
            unbooked = True
        _fold_progress(picture["progress"], utterance)
    picture["held"] = picture["held"] or unbooked
    known = {p.get("number") for p in picture["procedures"]} if len(picture["procedures"]) > 1 else set()
    for number in [n for n in picture["progress"] if n and n not in known]:
        _further(picture["progress"], "", picture["progress"].pop(number))
    numbers = set(picture.pop("cancelled_numbers", ()))
    for procedure in picture["procedures"]:
        procedure["cancelled"] = procedure.get("cancelled", False) or procedure.get("number") in numbers
    if picture["procedures"] and all(p["cancelled"] for p in picture["procedures"]):
        picture["cancelled"] = True
    return picture


def _fold_progress(progress: dict[str, str], utterance: Words) -> None:
    """A status that names procedures by number is of those; any other of the whole order."""
    if utterance["progress"]:
        for number in [p["number"] for p in utterance["procedures"] if p.get("number")] or [""]:
            _further(progress, number, utterance["progress"])


def _further(progress: dict[str, str], number: str, said: str) -> None:
    progress[number] = max(progress.get(number, ""), said, key=_FURTHER.__getitem__)


def progress_of(picture: Words, number: str) -> str:
    """How far the procedure of that number is."""
    said = picture["progress"]
    return max(str(said.get("", "")), str(said.get(number, "")), key=_FURTHER.__getitem__)


def _fold_booking(picture: Words, utterance: Words) -> None:
    """An appointment sets times and places of what is ordered; it orders nothing itself."""
    for words in utterance["procedures"]:
        found = match(picture["procedures"], words)
        if found is not None:
            _fold_steps(found["steps"], words["steps"], full=False)


def _fold_cancel(picture: Words, utterance: Words) -> None:
    """A cancellation that names procedures by number cancels those; any other the whole order."""
    numbers = [p["number"] for p in utterance["procedures"] if p.get("number")]
    known = {p.get("number") for p in picture["procedures"]}
    if numbers and len(known) > 1 and not set(numbers) >= known:
        picture.setdefault("cancelled_numbers", []).extend(numbers)
    else:
        picture["cancelled"] = True
    picture["reason"] = utterance.get("reason", "") or picture["reason"]


def _fold_procedures(standing: list[Words], utterance: Words) -> None:
    named = []
    for words in utterance["procedures"]:
        found = match(standing, words)
        if found is None:
            found = {"steps": []}
            standing.append(found)
        found |= {name: value for name, value in words.items() if name != "steps"}
        _fold_steps(found["steps"], words["steps"], full=utterance.get("full", False))
        named.append(id(found))
    if utterance.get("full"):
        for procedure in standing:
            procedure["cancelled"] = id(procedure) not in named


def match(standing: list[Words], words: Words) -> Words | None:
    """The procedure that is meant: by number, by Study UID, by code where no number is said, or the only one."""
    number = words.get("number")
    for name in ("number", "study_uid") if number else ("study_uid", "code"):
        said = _key(words, name)
        found = next((p for p in standing if said and _key(p, name) == said), None)
        if found is not None:
            return found
    without = [p for p in standing if not p.get("number")]
    if number and without:
        return next((p for p in without if _key(p, "code") == _key(words, "code")), None)
    return standing[0] if len(standing) == 1 and not number else None


def _key(words: Words, name: str) -> str:
    value = words.get(name, "")
    return str(value[0] if value else "").upper() if name == "code" else str(value)


def _fold_steps(standing: list[Words], steps: list[Words], *, full: bool) -> None:
    named = []
    for words in steps:
        number = words.get("number")
        found = next((s for s in standing if number and s.get("number") == number), None)
        if found is None and len(standing) == 1 and (not number or not standing[0].get("number")):
            found = standing[0]
        if found is None:
            found = {}
            standing.append(found)
        found |= words
        named.append(id(found))
    if full and steps:
        for step in standing:
            step["cancelled"] = id(step) not in named


def difference(before: Words, after: Words) -> tuple[Words, list[tuple[Words | None, Words]]]:
    """What ``after`` says anew: order fields, and procedures as (how it stood before, what is new of it).

    A new step, or one of which anything changed, is given whole.
    """
    order = {n: v for n, v in after["order"].items() if before["order"].get(n) != v}
    procedures: list[tuple[Words | None, Words]] = []
    earlier = deepcopy(before["procedures"])
    for procedure in after["procedures"]:
        was = match(earlier, procedure)
        if was == procedure:
            continue
        changed = {n: v for n, v in procedure.items() if n == "code" or was is None or was.get(n) != v}
        changed["steps"] = [s for s in procedure["steps"] if was is None or s not in was["steps"]]
        procedures.append((was, changed))
    return order, procedures
