"""The conformance statement, written from the tables that the door works by, so that it cannot drift."""

from __future__ import annotations

from ..inbound import routing
from ..inbound.orders import statements as projection
from ..inbound.orders.handler import CONTROL, STATUS_CANCELS, STATUS_HOLDS, STATUS_PROGRESS, STATUS_SAYS_NOTHING
from ..inbound.responses import RESPONSES
from ..models import MapEntry, Peer
from ..translation.code_tables import COMMON
from ..v2.acknowledgment import ERRORS, REJECTED
from ..v2.encoding import CODECS
from ..v2.mllp import MOST_BYTES
from ..v2.parser import MOST_SEGMENTS
from ..v2.validation import VERSIONS as WRITTEN
from .conformance_sent import describe_sent, row, table

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
    return "\n".join([*_head(), *_messages(), *_orders(), *_values(), *_answers(), *describe_sent()]) + "\n"


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
    rows = [row(kind, entry.meaning, ", ".join(entry.needs)) for kind, entry in sorted(routing.MESSAGES.items())]
    return ["## Messages taken", "", *table("MSH-9", "meaning", "needs"), *rows, ""]


def _orders() -> list[str]:
    controls = [row(code, _VERBS[verb]) for code, verb in sorted(CONTROL.items())]
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
        *table("ORC-1", "the order is"),
        *controls,
        "",
        *table("ORC-5 with SC or XO", "means"),
        *(row(code, meaning) for code, meaning in sorted(statuses.items())),
        "",
        *table("request", "order response, where the peer is set to it"),
        *(row(request, response) for request, response in RESPONSES.items()),
        "",
    ]


def _values() -> list[str]:
    lines = ["## Values", "", "Lines of a peer's own tables come first, then those of all peers, then these.", ""]
    for name, values in sorted(COMMON.items()):
        rows = [row(given, meant or "(says nothing)") for given, meant in sorted(values.items())]
        lines += [*table(name, "meaning"), *rows, ""]
    tables = ", ".join(f"{label} (`{name}`)" for name, label in MapEntry.TABLES)
    lines += [f"Tables a peer can have: {tables}.", ""]
    lines += [*table("MSH-18", "read as"), *(row(name, codec) for name, codec in CODECS.items()), ""]
    # Only settings that explain themselves: a help text, or choices.
    fields = [f for f in Peer._meta.get_fields() if getattr(f, "help_text", "") or getattr(f, "choices", None)]
    choices = [row(f.verbose_name, ", ".join(str(v) for _, v in f.choices or ()) or f.help_text) for f in fields]  # type: ignore[union-attr]
    return [*lines, *table("set for each peer", "choices or meaning"), *choices, ""]


def _answers() -> list[str]:
    rows = [row(code, "AR" if code in REJECTED else "AE", text) for code, text in sorted(ERRORS.items())]
    return [
        "## Answers",
        "",
        "AA: applied, or ignored for a reason that is kept. A resend gets its first answer again.",
        "",
        *table("ERR-3 (table 0357)", "MSA-1", "meaning"),
        *rows,
        "",
    ]
