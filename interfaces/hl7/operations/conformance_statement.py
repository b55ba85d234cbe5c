"""The conformance statement, written from the tables that the door works by, so that it cannot drift."""

from __future__ import annotations

from ..inbound import routing
from ..inbound.orders import statements as projection
from ..inbound.orders.handler import CONTROL, STATUS_CANCELS, STATUS_HOLDS, STATUS_PROGRESS, STATUS_SAYS_NOTHING
from ..inbound.responses import RESPONSES
from ..models import MapEntry, Peer
from ..outbound.messages.oru import CRITICAL, SECTIONS
from ..outbound.options import FILTERS, OPTIONS
from ..outbound.triggers import KINDS
from ..translation.code_tables import COMMON
from ..v2.acknowledgment import ERRORS, REJECTED
from ..v2.encoding import CODECS
from ..v2.mllp import MOST_BYTES
from ..v2.parser import MOST_SEGMENTS
from ..v2.validation import VERSIONS as WRITTEN

_VERBS = {
    projection.NEW: "placed (or, if it is known, changed)",
    projection.CHANGE: "changed (or, if it is not known, placed)",
    projection.CANCEL: "cancelled; kept if the order is still to come",
    projection.HOLD: "put on hold",
    projection.RELEASE: "released",
    projection.STATUS: "moved forward by ORC-5",
    "number": "given the placer's number",
    "nothing": "left as it is: the children (CH) of a parent are orders of their own",
    "": "refused by name (AE, 103 at ORC-1)",
}


def write_statement() -> str:
    """docs/interfaces/hl7.md as it has to be."""
    return "\n".join([*_head(), *_messages(), *_orders(), *_values(), *_answers(), *_sent()]) + "\n"


def _table(*head: str) -> list[str]:
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _head() -> list[str]:
    return [
        "# HL7 v2: conformance statement",
        "",
        "Written by `./bin/ris hl7 conformance` from the tables that the code works by; a test keeps it so.",
        "",
        f"MLLP, several messages a connection, answered in order. At most {MOST_BYTES:,} bytes and "
        f"{MOST_SEGMENTS:,} segments a message.",
        f"Versions read: {', '.join(sorted(routing.VERSIONS))}. Versions written: {', '.join(WRITTEN)}.",
        "Segments may end in CR, LF or both. Original and enhanced acknowledgement mode (MSH-15, MSH-16).",
        "",
    ]


def _messages() -> list[str]:
    rows = [_row(kind, entry.meaning, ", ".join(entry.needs)) for kind, entry in sorted(routing.MESSAGES.items())]
    return ["## Messages taken", "", *_table("MSH-9", "meaning", "needs"), *rows, ""]


def _orders() -> list[str]:
    controls = [_row(code, _VERBS[verb]) for code, verb in sorted(CONTROL.items())]
    statuses = {code: f"exam {progress}" for code, progress in STATUS_PROGRESS.items()}
    statuses |= dict.fromkeys(STATUS_CANCELS, "order cancelled")
    statuses |= {
        code: "order put on hold" if verb == projection.HOLD else "released" for code, verb in STATUS_HOLDS.items()
    }
    statuses |= {code or "(empty)": "nothing" for code in STATUS_SAYS_NOTHING}
    return [
        "## Orders",
        "",
        "What holds is a fold over all that was said about an order, in the order of MSH-7: arrival does not matter.",
        "",
        "A cancellation never undoes an exam. What has begun stays, is read, and the order is flagged",
        "“performed though cancelled”, whichever came first; the rest is cancelled. The message is answered AA,",
        "in an order response UC (unable to cancel). If the exam comes to nothing after all, the cancellation",
        "takes effect.",
        "",
        "SN asks for a filler number: the order is placed unless it is known, and the answer is an order response",
        "with NA and the number in ORC-3, however the peer is set.",
        "",
        *_table("ORC-1", "the order is"),
        *controls,
        "",
        *_table("ORC-5 with SC or XO", "means"),
        *(_row(code, meaning) for code, meaning in sorted(statuses.items())),
        "",
        *_table("request", "order response, where the peer is set to it"),
        *(_row(request, response) for request, response in RESPONSES.items()),
        "",
    ]


def _values() -> list[str]:
    lines = ["## Values", "", "Lines of a peer's own tables come first, then those of all peers, then these.", ""]
    for table, values in sorted(COMMON.items()):
        rows = [_row(given, meant or "(says nothing)") for given, meant in sorted(values.items())]
        lines += [*_table(table, "meaning"), *rows, ""]
    tables = ", ".join(f"{label} (`{name}`)" for name, label in MapEntry.TABLES)
    lines += [f"Tables a peer can have: {tables}.", ""]
    lines += [*_table("MSH-18", "read as"), *(_row(name, codec) for name, codec in CODECS.items()), ""]
    fields = [f for f in Peer._meta.get_fields() if getattr(f, "help_text", "") or getattr(f, "choices", None)]
    choices = [_row(f.verbose_name, ", ".join(str(v) for _, v in f.choices or ()) or f.help_text) for f in fields]  # type: ignore[union-attr]
    return [*lines, *_table("set for each peer", "choices or meaning"), *choices, ""]


def _answers() -> list[str]:
    rows = [_row(code, "AR" if code in REJECTED else "AE", text) for code, text in sorted(ERRORS.items())]
    return [
        "## Answers",
        "",
        "AA: applied, or ignored for a reason that is kept. A resend gets its first answer again.",
        "",
        *_table("ERR-3 (table 0357)", "MSA-1", "meaning"),
        *rows,
        "",
    ]


def _sent() -> list[str]:
    kinds = [_row(f"`{kind}`", meaning) for kind, meaning in KINDS.items()]
    filters = [_row(f"`{name}`", values) for name, values in FILTERS.items()]
    options = [_row(f"`{name}`", values, does) for name, (values, _, does) in OPTIONS.items()]
    observations = [_row(name, *code) for name, code in SECTIONS.items()]
    critical = [_row(level, *code) for level, code in CRITICAL.items()]
    return [
        "## Messages sent",
        "",
        *_table("kind", "message"),
        *kinds,
        "",
        *_table("filter of a destination", "lets pass"),
        *filters,
        "",
        *_table("option of a destination", "values", "does"),
        *options,
        "",
        "### Results",
        "",
        "OBX 1 names the study: HD, `113014^DICOM Study^DCM`. Each section follows line by line (TX); its lines share",
        "OBX-4. OBX-11 is P, F or C; OBX-14 says when the text was signed.",
        "",
        *_table("section", "OBX-3 (LOINC)", "name"),
        *observations,
        "",
        *_table("critical finding", "OBX-5 (RADLEX) of OBX ACTIONABLE^^99WETREAD", "name"),
        *critical,
        "",
        "A message is held, shown and alarmed unless it is valid by the destination's own profile of its structure,",
        "if it has one, or else by its HL7 version. `./bin/ris hl7 profile ORU_R01` prints a version's structure to",
        "begin a profile from; it is given under *Set-up*.",
        "",
        "`./bin/ris hl7 backfill NAME --from … --to … [--dry-run]` tells a destination of what happened before it was",
        "there, as its page does. Messages that retention has deleted are not known any more, and would go out again.",
        "",
        "How fast a queue drains (`bench/hl7_drain.py`, one connection, two cores, PostgreSQL): 167 messages of 2 KB",
        "a second, or 135 of 60 KB (a report with its PDF), on a quiet machine; 11 to 15 at a load of 17. The sender",
        "itself uses 4 to 5 ms of processor a message.",
    ]
