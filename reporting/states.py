"""State diagram of a report."""

from ris.kernel.states import step

DRAFT, PRELIMINARY, FINAL = "draft", "preliminary", "final"

RELEASE = step("release as preliminary", [DRAFT, PRELIMINARY], PRELIMINARY)
SIGN = step("sign", [DRAFT, PRELIMINARY], FINAL)
ADD = step("add to", [FINAL], FINAL)
CORRECT = step("correct", [FINAL], FINAL)
