"""The words of the sources: what a catalogue has to hold.

Of templates, every segment that the loader marks; of Python, every sentence; of script, what is given to ``say``. A
sentence with values in it (``f"{reader} holds this case."``) is a pattern, in the context ``said``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from django.template import Engine

from ris.kernel.templatetags.language import TextSegment

from .catalogue import SAID, SCRIPT
from .po import Entry
from .segments import mark

SPEECHLESS = re.compile(
    r"^(tests|bench|manage)|/migrations/|/demo/|/management/|/simulation/|hl7/v2/|upper_layer/|conformance|hl7/operations/"
    r"|hl7/(inbound|outbound)/|/mwl/|/mpps/|dicom/(encoding|scu|workitems|availability)|dicom/reports/sr|serving/|ris/config"
    r"|interfaces/fhir/(?!subscriptions/pages)|sharing/words|ris/operations|/api|serializers|kernel/(db|tls|language)|ris/logs"
    r"|settings|audit/verification|/admin|backoffice"
)
"""Sources whose sentences no page shows: protocols, REST, commands, logs, and texts in the patient's own language."""

LABELLED = {"Tile", "gettext"}
"""Calls whose texts are labels, where they begin with a capital; of ``gettext``, always."""

_SENTENCE = re.compile(r"^[“\"A-Z{0-9].*\s.*[.?!…]$|^[A-Z][a-z]+\.$", re.DOTALL)
FORMATS = {"Due {moment}, {span} after it could be read"}
"""Patterns that are looked up as such, and filled in afterwards."""

_LITERAL = re.compile(r"""_\((?:"([^"]*)"|'([^']*)')\)""")


def of_templates(root: Path) -> Iterator[Entry]:
    """Every segment of every template in ``templates/``, and the words in arguments of tags and filters."""
    engine = Engine.get_default()
    for path in sorted((root / "templates").rglob("*.html")):
        place = str(path.relative_to(root))
        name = str(path.relative_to(root / "templates"))
        for segment in cast(list[TextSegment], engine.get_template(name).nodelist.get_nodes_by_type(TextSegment)):
            yield Entry(segment.singular, segment.plural if segment.number else "", places=[place])
        for words in _LITERAL.findall(mark(path.read_text(encoding="utf-8"))):
            yield Entry("".join(words), places=[place])


def of_python(root: Path) -> Iterator[Entry]:
    """Every sentence in modules that speak to people."""
    for path in sorted(root.rglob("*.py")):
        place = str(path.relative_to(root))
        if place.startswith((".", "var/")) or SPEECHLESS.search(place):
            continue
        for sentence in _sentences(ast.parse(path.read_text(encoding="utf-8"))):
            yield Entry(sentence, context=SAID if "{" in sentence and sentence not in FORMATS else "", places=[place])


def _sentences(tree: ast.AST) -> Iterator[str]:
    """Strings that begin and end as sentences do; not docstrings, nor help of fields for the back office."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if node in skipped:
            skipped.update(ast.iter_child_nodes(node))
        elif (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) or (
            isinstance(node, ast.keyword) and node.arg in {"help_text", "verbose_name"}
        ):
            skipped.update(ast.walk(node))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in LABELLED:
            always = getattr(node.func, "id", "") == "gettext"
            yield from (text for text in map(_text, node.args) if text and (always or text[0].isupper()))
        elif (text := _text(node)) is not None:
            skipped.update(ast.walk(node))
            if _SENTENCE.match(text) and "\n\n" not in text:
                yield text


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    parts, names = [], dict[str, str]()
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            source = ast.unparse(part.value)
            name = re.sub(r"\W", "", source.split(".")[-1]) or "value"
            while names.setdefault(name, source) != source:
                name += "_"
            parts.append("{" + name + "}")
        else:
            parts.append(str(ast.literal_eval(part)))
    return "".join(parts)


def of_script(root: Path) -> Iterator[Entry]:
    """Words that script says: those of ``say("…")``."""
    for path in sorted((root / "static/js").glob("*.js")):
        for found in re.findall(r'\bsay\("([^"]+)"', path.read_text(encoding="utf-8")):
            yield Entry(found, context=SCRIPT, places=[str(path.relative_to(root))])


def merged(entries: Iterator[Entry]) -> dict[tuple[str, str], Entry]:
    """Entries by key; of one English that stands at several places, one entry with all places."""
    result: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        known = result.setdefault(entry.key, entry)
        known.plural = known.plural or entry.plural
        known.places = sorted({*known.places, *entry.places})
    return result
