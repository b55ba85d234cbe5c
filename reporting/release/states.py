"""State diagram of what a patient sees of a report."""

from __future__ import annotations

from ris.kernel.states import step

WAITING, OPEN, HELD, WITHHELD, WITHDRAWN = "waiting", "for patient", "held", "withheld", "withdrawn"
STATES = (WAITING, OPEN, HELD, WITHHELD, WITHDRAWN)

DECIDE_TO_WAIT = step("wait", [WAITING, OPEN, WITHHELD, WITHDRAWN], WAITING)
DECIDE_TO_WITHHOLD = step("withhold", [WAITING, OPEN, WITHHELD, WITHDRAWN], WITHHELD)
DECIDE_TO_OPEN = step("open by rule", [WAITING, OPEN, WITHHELD, WITHDRAWN], OPEN)
KEEP_HELD = step("decide while held", [HELD], HELD)
FALL_DUE = step("fall due", [WAITING], OPEN)
HOLD = step("hold", [WAITING, OPEN, WITHHELD], HELD)
LET_GO = step("let go", [HELD], WAITING)
GIVE = step("give to the patient", [WAITING, HELD, WITHHELD], OPEN)
WITHDRAW = step("withdraw", [WAITING, OPEN, HELD, WITHHELD], WITHDRAWN)
