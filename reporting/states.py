"""State diagram of a report."""

from ris.kernel.states import step

DRAFT, PRELIMINARY, FINAL = "draft", "preliminary", "final"

WRITABLE = frozenset({DRAFT, PRELIMINARY})
"""A report whose text can still be written by who holds its case."""

RELEASE = step("release as preliminary", [DRAFT, PRELIMINARY], PRELIMINARY)
SIGN = step("sign", [DRAFT, PRELIMINARY], FINAL)
ADD = step("add to", [FINAL], FINAL)
CORRECT = step("correct", [FINAL], FINAL)
