"""State diagram of a review of a report."""

from ris.kernel.states import step

ASSIGNED, ARBITRATION, SETTLED = "assigned", "arbitration", "settled"
SETTLE = step("settle", [ASSIGNED], SETTLED)
DISPUTE = step("hand to arbitration", [ASSIGNED], ARBITRATION)
ARBITRATE = step("arbitrate", [ARBITRATION], SETTLED)
