from __future__ import annotations

from pathlib import Path

from interfaces.dicom.conformance_statement import BEGIN, END, build_tables

STATEMENT = Path(__file__).parents[3] / "docs" / "interfaces" / "dicom.md"


def test_the_conformance_statement_says_what_the_code_does() -> None:
    text = STATEMENT.read_text(encoding="utf-8")
    generated = text.split(BEGIN)[1].split(END)[0].strip()
    assert generated == build_tables().strip(), "print it anew with ./bin/ris mwl conformance"
