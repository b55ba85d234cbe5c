"""State diagram of a report, and what each state is called outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ris.kernel.states import Step, step

DRAFT, PRELIMINARY, RETURNED, FINAL, RETRACTED, CANCELLED = (
    "draft",
    "preliminary",
    "returned",
    "final",
    "retracted",
    "cancelled",
)

WRITABLE = frozenset({DRAFT, PRELIMINARY, RETURNED})
"""A report whose text can still be written by who holds its case."""

RELEASE = step("release as preliminary", [DRAFT, PRELIMINARY, RETURNED], PRELIMINARY)
RETURN = step("return", [PRELIMINARY], RETURNED)
SIGN = step("sign", [DRAFT, PRELIMINARY, RETURNED], FINAL)
ADD = step("add to", [FINAL], FINAL)
CORRECT = step("correct", [FINAL], FINAL)
RETRACT = step("retract", [PRELIMINARY, RETURNED, FINAL], RETRACTED)
WRITE_ANEW = step("write anew", [RETRACTED], DRAFT)
CANCEL = step("cancel", [DRAFT], CANCELLED)
OPEN_AGAIN = step("open again", [CANCELLED], DRAFT)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A step for people: who takes it, and what receivers are told. Empty: they are told nothing."""

    step: Step
    who: str
    obr_25: str = ""
    obx_11: str = ""
    fhir: str = ""
    sr: str = ""


LIFE = (
    Meaning(RELEASE, "who holds the case", "P", "P", "preliminary", "PARTIAL, UNVERIFIED, PRELIMINARY"),
    Meaning(RETURN, "the supervisor who holds the case", fhir="preliminary"),
    Meaning(SIGN, "who holds the case and may sign", "F", "F", "final", "COMPLETE, VERIFIED, FINAL"),
    Meaning(ADD, "who may sign", "A, or C by destination", "F or C", "appended", "new instance, predecessor named"),
    Meaning(CORRECT, "who signed, or leads reading", "C", "C", "corrected", "new instance, predecessor named"),
    Meaning(RETRACT, "who may retract", "X", "W wrong patient, else D", "entered-in-error", "rejected in the archive"),
    Meaning(WRITE_ANEW, "the retraction, where the exam is to be read again", fhir="registered"),
    Meaning(CANCEL, "the cancellation of the exam", fhir="cancelled"),
    Meaning(OPEN_AGAIN, "the next claim, once the exam stands again", fhir="registered"),
)
"""Every step, in the order of a report's life. HL7 table 0123 and 0085, FHIR DiagnosticReport.status, PS3.3 C.17.2."""


def describe_life() -> str:
    """The diagram (Mermaid) and the table of all steps, as Markdown; ``docs/reporting.md`` holds it word for word."""
    return "\n".join([*_diagram(), "", *_table()])


def _diagram() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {DRAFT}: claim"
    for row in LIFE:
        for source in sorted(row.step.sources):
            yield f"    {source} --> {row.step.target}: {row.step.name}"
    yield "```"


def _table() -> Iterator[str]:
    yield "| step | from | to | who | OBR-25 | OBX-11 | FHIR | DICOM SR |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in LIFE:
        sources = ", ".join(sorted(row.step.sources))
        told = (row.obr_25, row.obx_11, row.fhir, row.sr)
        outside = " | ".join(text or "–" for text in told)
        yield f"| {row.step.name} | {sources} | {row.step.target} | {row.who} | {outside} |"
