"""The part of the conformance statement that says what is sent, from the tables that the sender works by."""

from __future__ import annotations

import textwrap

from ..outbound.messages.oru import CRITICAL
from ..outbound.messages.sections import BESIDE, SECTIONS
from ..outbound.options import FILTERS, OPTIONS
from ..outbound.preparation import REQUIRED
from ..outbound.queue import ALARM_AFTER, DESTINATION_BACKOFF, MOST_PASSED_OVER, MOST_UNEXPLAINED, NOT_NOW_BACKOFF
from ..outbound.triggers import KINDS

WIDTH = 116
"""Characters in a line of a paragraph."""


def table(*head: str) -> list[str]:
    """The first two lines of a Markdown table."""
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]


def row(*cells: object) -> str:
    """One line of a Markdown table; separators in cells are escaped."""
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def paragraph(text: str) -> list[str]:
    """A paragraph in lines, and a blank line."""
    return [*textwrap.wrap(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False), ""]


def describe_sent() -> list[str]:
    """The lines of *Messages sent*."""
    return [
        "## Messages sent",
        "",
        *table("kind", "message"),
        *(row(f"`{kind}`", meaning) for kind, meaning in KINDS.items()),
        "",
        *table("filter of a destination", "lets pass"),
        *(row(f"`{name}`", values) for name, values in FILTERS.items()),
        "",
        *table("option of a destination", "values", "does"),
        *(row(f"`{name}`", values, does) for name, (values, _, does) in OPTIONS.items()),
        "",
        *_results(),
        *_values(),
        *_checks(),
        *_after_answers(),
        *_rest(),
    ]


def _results() -> list[str]:
    return [
        "### Results",
        "",
        *paragraph(
            """OBX 1 names the study: HD, `113014^DICOM Study^DCM`. Each section follows line by line (TX); its
            lines share OBX-4. OBX-11 is P, F or C; OBX-14 says when the text was signed. A line ends at CR, LF
            or CRLF, and nowhere else; a blank line is a blank. Option `lines` makes it one FT for a paragraph (between
            blank lines) or for the section. Reason and recommendation come where they are wanted.
            Control characters come as `\\X..\\`. A report
            that was corrected comes whole, with C in OBR-25 and OBX-11."""
        ),
        *table("section", "OBX-3 (LOINC)", "name"),
        *(row(name, *code) for name, code in (SECTIONS | BESIDE).items()),
        "",
        *table("critical finding", "OBX-5 (RADLEX) of OBX ACTIONABLE^^99WETREAD", "name"),
        *(row(level, *code) for level, code in CRITICAL.items()),
        "",
    ]


def _values() -> list[str]:
    return [
        "### Numbers, names, characters",
        "",
        *paragraph(
            """ORC-2, ORC-3 and ORC-4 go back as they came, with namespace, universal id and its type; ORC-3 is
            ours unless the sender numbers as a filler itself. PID-3 holds the identifiers that are in use;
            MRG-1 of our A40 those that this merge retired. PID-5 holds the name in letters, then ideographic
            (XPN.8 I) and phonetic (P) writings, unless the destination's character set has no sign of them."""
        ),
        *paragraph(
            """Signs that MSH-18 of a destination lacks are transliterated: dashes, quotes, dots and arrows in
            ASCII, µ as it is where the set has it, Greek after ISO 843, Cyrillic after ICAO 9303-3. `?` is the
            last resort, and the message carries a warning."""
        ),
    ]


def _checks() -> list[str]:
    return [
        "### What holds a message",
        "",
        *paragraph(
            """Before it is sent, a message is checked: by the destination's own profile of its structure, if it
            has one; else by its HL7 version, if the option `validation` says `strict`; else for what receivers
            need, which is the order of segments and the fields below. No length of a text is looked at. What
            fails is held and alarmed, and other accession numbers go on. `./bin/ris hl7 profile ORU_R01` prints
            a version's structure to begin a profile from; it is given under *Set-up*."""
        ),
        *table("segment", "fields that must not be empty"),
        *(row(segment, ", ".join(map(str, fields))) for segment, fields in REQUIRED.items()),
        "",
    ]


def _after_answers() -> list[str]:
    first_s, longest_min = NOT_NOW_BACKOFF.first_s, NOT_NOW_BACKOFF.longest_s / 60
    again = f"sent again after {first_s:.0f} s, growing to {longest_min:.0f} min; alarmed after {ALARM_AFTER}"
    lines = {
        "AA, CA": "accepted; the next message of the accession number is sent",
        "AE, AR, CE, CR with 207": again,
        "AR, CR without a code": f"the same, {MOST_UNEXPLAINED} times; then a person decides",
        "AE, CE without a code; 100 to 104, 200 to 206": "a person decides: resend or skip; alarmed at once",
        "none, the peer is away": f"it is tried again, at least every {DESTINATION_BACKOFF.longest_s:.0f} s",
        "none, others are answered": f"a person decides after {MOST_PASSED_OVER + 1} tries; others go on",
    }
    return [
        "### What an answer does",
        "",
        *table("answer", "what follows"),
        *(row(*line) for line in lines.items()),
        "",
    ]


def _rest() -> list[str]:
    return [
        *paragraph(
            """`./bin/ris hl7 backfill NAME --from … --to … [--dry-run]` tells a destination of what happened
            before it was there, as its page does. Messages that retention has deleted are not known any more,
            and would go out again."""
        ),
        *paragraph(
            """How fast a queue drains (`bench/hl7_drain.py`, one connection, two cores, PostgreSQL): 167 messages
            of 2 KB a second, or 135 of 60 KB (a report with its PDF), on a quiet machine; 11 to 15 at a load of
            17. The sender itself uses 4 to 5 ms of processor a message."""
        ),
    ]
