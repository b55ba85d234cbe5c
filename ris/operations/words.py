"""``python -m ris.operations.words``: bring the catalogues in ``locale/`` up to date with the sources."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ris.settings")
if not apps.ready:
    django.setup()

from interfaces.hl7.web.forms import PeerSettings
from reporting.checks import CHECKS
from ris.kernel.events import Event
from ris.kernel.language.extraction import merged, of_python, of_script, of_templates
from ris.kernel.language.po import PO, Entry, read_po, write_po
from ris.kernel.templatetags.times import MONTHS
from ris.kernel.templatetags.ui import fact
from ris.kernel.templatetags.ui import words as spelled
from ris.orders.services import flags
from ris.people.navigation import ALARM_PAGES
from ris.people.roles import Can, Role
from worklist.models import Shift

TABLES = (
    "ris.kernel.templatetags.ui.STATES", "ris.kernel.templatetags.ui.PRIORITIES",
    "ris.kernel.templatetags.ui.URGENCIES",
    "ris.kernel.templatetags.times.PATTERNS", "ris.people.keys.KEYS",
    "ris.people.keys.RESERVED", "ris.people.navigation.NAVIGATION", "worklist.selectors.list_query.COLUMNS",
    "worklist.pages.reading_list.NAMES", "worklist.templatetags.worklist.TERMS", "worklist.rules.score.RUNG_NAMES",
    "reporting.release.policy.KINDS", "reporting.release.policy.LEVELS", "reporting.release.policy.THENS",
    "reporting.critical.limits.RUNG_NAMES", "ris.orders.web.pages_board.REASONS",
    "worklist.rules.language.sentences._FACTS", "worklist.pages.coordinator.LATENESS",
)  # fmt: skip
"""Tables of words for people that are no model's choices."""


def main() -> None:
    """Write every catalogue anew and print how much of it is translated; ``--new fr`` begins a language."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--new", metavar="LANGUAGE", help="begin the catalogue of a language")
    new, folder = parser.parse_args().new, settings.BASE_DIR / "locale"
    for path in [*sorted(folder.glob(PO)), *([folder / new / "LC_MESSAGES/django.po"] if new else [])]:
        done, total = update(path, words())
        sys.stdout.write(f"{path.parts[-3]}: {done} of {total} translated\n")


def update(path: Path, fresh: dict[tuple[str, str], Entry]) -> tuple[int, int]:
    """Add what is new, take out what is gone; a translation stays with its English. Returns how many are translated."""
    known = {entry.key: entry for entry in read_po(path)} if path.exists() else {}
    for key, entry in fresh.items():
        if key in known and known[key].plural == entry.plural:
            entry.texts, entry.flags = known[key].texts, known[key].flags
    write_po(path, fresh.values())
    return sum(entry.is_translated for entry in fresh.values()), len(fresh)


def words() -> dict[tuple[str, str], Entry]:
    """Everything that a catalogue has to hold, by context and English."""
    root = settings.BASE_DIR
    return merged(chain(of_templates(root), of_python(root), of_script(root), _of_choices(), _of_tables()))


def _of_choices() -> Iterator[Entry]:
    for model in apps.get_models():
        for field in model._meta.get_fields():
            for _, label in getattr(field, "choices", None) or ():
                if model.__module__.startswith(("ris.", "worklist.", "reporting.", "interfaces.")) and str(label):
                    yield Entry(str(label), places=[model.__module__.replace(".", "/") + ".py"])


def _of_tables() -> Iterator[Entry]:
    for name in TABLES:
        place = name.rsplit(".", 1)[0].replace(".", "/") + ".py"
        yield from (Entry(word, places=[place]) for word in _words_of(import_string(name)))
    for field in PeerSettings.base_fields.values():
        for text in filter(None, (field.label, field.help_text)):
            yield Entry(str(text), places=["interfaces/hl7/web/forms.py"])
    yield from (Entry(kind, places=["worklist/models/readers.py"]) for kind, _ in Shift.KINDS)
    yield from (Entry(month, context="month", places=["ris/kernel/templatetags/times.py"]) for month in MONTHS)
    for name, flag in vars(flags).items():
        if name.isupper() and isinstance(flag, str):
            yield Entry(flag, places=["ris/orders/services/flags.py"])
    yield from (Entry(check, places=["reporting/checks/__init__.py"]) for check in CHECKS)
    for event in _kinds_of(Event):
        if not event.__module__.startswith("tests."):
            yield Entry(fact(event.__name__), places=[event.__module__.replace(".", "/") + ".py"])
    for value in (*Can, *(role.replace(" ", "_") for role in Role), *ALARM_PAGES):
        yield Entry(spelled(value), places=["ris/people/roles.py"])


def _kinds_of(event: type) -> Iterator[type]:
    for kind in event.__subclasses__():
        yield from (kind, *_kinds_of(kind))


def _words_of(value: Any) -> Iterator[str]:
    """The words in a table: strings, of tuples of strings those with a capital, of objects their ``label``."""
    if isinstance(value, dict):
        nested = any(isinstance(one, tuple) and not isinstance(one[0], str) for one in value.values())
        yield from value if nested else ()
        for one in value.values():
            yield from _words_of(one)
    elif hasattr(value, "label"):
        yield value.label
    elif isinstance(value, str):
        yield value
    elif isinstance(value, (tuple, list)):
        short = all(isinstance(one, str) for one in value) and len(value) < 4
        for one in value:
            yield from _words_of(one) if not short or one[:1].isupper() else ()


if __name__ == "__main__":
    main()
