"""The tables of the conformance statement, printed from the tables that the code runs on."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.uid import UID
from pynetdicom import DEFAULT_TRANSFER_SYNTAXES
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityPerformedProcedureStep,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from .encoding.charsets import SINGLE_BYTE
from .mpps.dataset import NOT_IN_SET, REQUIRED
from .mwl.attributes import ITEM, ROOT, SPS, Attribute
from .mwl.query_log import KEPT_DAYS
from .reports.instances import STORAGE_CLASSES
from .reports.sr import HEADINGS
from .server import SOP_CLASSES
from .upper_layer import acceptor, association, message_exchange, pdu
from .upper_layer.admission import ADDRESS_UNKNOWN, CALLED_UNKNOWN, CALLING_UNKNOWN, NOT_ENCRYPTED, TOO_MANY

BEGIN, END = "<!-- generated: ./bin/ris mwl conformance -->", "<!-- end of what is generated -->"


def build_tables() -> str:
    """All tables, as Markdown."""
    return "\n\n".join([_services(), _limits(), _keys(), _mpps(), _reports()])


CALLED: dict[str, str] = {
    Verification: "devices: echo test",
    StudyRootQueryRetrieveInformationModelFind: "archives: what arrived, priors",
    StudyRootQueryRetrieveInformationModelMove: "archives: priors",
    ModalityPerformedProcedureStep: "MPPS targets: what devices told",
    **dict.fromkeys(STORAGE_CLASSES.values(), "archives: released reports"),
}
"""What this system asks of others, as SCU, and of whom."""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {text} |" for text in lines)


def _services() -> str:
    transfers = ", ".join(UID(uid).name for uid in (pdu.IMPLICIT_LE, pdu.EXPLICIT_LE))
    rows = [(UID(sop).name, str(sop), "SCP", transfers) for sop in SOP_CLASSES]
    offered = ", ".join(UID(uid).name for uid in DEFAULT_TRANSFER_SYNTAXES)
    called = [(UID(sop).name, str(sop), "SCU", of_whom) for sop, of_whom in CALLED.items()]
    return (
        "### Services\n\n"
        + _table(("SOP class", "UID", "role", "transfer syntaxes"), rows)
        + f"\n\nCalled, with {offered} offered; reports are made in Explicit VR Little Endian:\n\n"
        + _table(("SOP class", "UID", "role", "of whom, what for"), called)
        + "\n\nOver HTTP: QIDO-RS (studies) and STOW-RS (reports) as user agent."
    )


def _limits() -> str:
    refusals = (CALLED_UNKNOWN, CALLING_UNKNOWN, ADDRESS_UNKNOWN, NOT_ENCRYPTED, TOO_MANY)
    limits = [
        ("longest unit announced", f"{pdu.MAX_PDU_BYTES} bytes"),
        ("associations at once", str(acceptor.MAX_ASSOCIATIONS)),
        ("of one caller", str(acceptor.MAX_PER_CALLER)),
        (
            "connections at once",
            f"{acceptor.MAX_ASSOCIATIONS + acceptor.MAX_SILENT}, or a third of the descriptors",
        ),
        ("silence before the request", f"{association.REQUEST_TIMEOUT_S:.0f} s"),
        ("silence in an association", f"{association.IDLE_TIMEOUT_S:.0f} s"),
        ("longest worklist identifier", f"{message_exchange.MAX_IDENTIFIER_BYTES} bytes"),
        ("longest dataset of an MPPS or IAN", f"{message_exchange.MAX_DATASET_BYTES} bytes"),
        ("bytes of an association that wait for an answer", f"{message_exchange.MAX_HELD_BYTES} bytes"),
        ("bytes of all associations that wait for an answer", f"{acceptor.MAX_HELD_BYTES} bytes"),
        ("messages of an association that wait for an answer", str(message_exchange.MAX_WAITING_MESSAGES)),
        ("queries are kept", f"{KEPT_DAYS} days"),
        ("character sets tried, in order", "ISO 646, " + ", ".join(SINGLE_BYTE) + ", ISO_IR 192"),
    ]
    reasons = [(r.words, f"{r.result} / {r.source} / {r.reason}") for r in refusals]
    return (
        "### Limits\n\n"
        + _table(("limit", "value"), limits)
        + "\n\n### Rejections\n\n"
        + _table(("why", "result / source / reason"), reasons)
    )


def _tag(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _keys() -> str:
    def row(attribute: Attribute, where: str) -> tuple[str, ...]:
        return (where + attribute.name, _tag(attribute.tag), attribute.vr, "yes" if attribute.asks else "–")

    rows = [row(a, "") for a in ROOT if a.tag != SPS] + [row(a, "> ") for a in ITEM]
    head = ("attribute (> in the Scheduled Procedure Step item)", "tag", "VR", "matched on")
    return "### Worklist attributes\n\nAll are returned when asked for.\n\n" + _table(head, rows)


def _mpps() -> str:
    needed = [(name, _tag(tag)) for tag, name in REQUIRED.items()]
    fixed = ", ".join(_tag(tag) for tag in sorted(NOT_IN_SET))
    return (
        "### MPPS\n\nRefused with 0120 (absent) or 0121 (empty) in an N-CREATE; all else is taken as it comes.\n\n"
        + _table(("attribute", "tag"), needed)
        + f"\n\nNot taken over from an N-SET (answered 0001): {fixed}."
    )


def _reports() -> str:
    """TID 2000, as far as it is used."""
    rows = [
        (name, " ".join([heading[1], heading[0], heading[2]]), " ".join([concept[1], concept[0], concept[2]]))
        for name, (heading, concept) in HEADINGS.items()
    ]
    head = ("section of the report", "heading (CID 7001)", "text (CID 7002)")
    return "### Basic Text SR\n\nTID 2000, with TID 1204 (language) and TID 1002 (observers).\n\n" + _table(head, rows)
