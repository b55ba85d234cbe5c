"""State diagram of a critical finding: open until somebody has acknowledged it, or it does not stand any more."""

from ris.kernel.states import step

OPEN, ACKNOWLEDGED, WITHDRAWN = "open", "acknowledged", "withdrawn"
ACKNOWLEDGE = step("acknowledge", [OPEN], ACKNOWLEDGED)
WITHDRAW = step("withdraw", [OPEN, ACKNOWLEDGED], WITHDRAWN)
STANDING = (OPEN, ACKNOWLEDGED)
