"""State diagram of a follow-up recommendation."""

from ris.kernel.states import step

DRAFTED, RECOMMENDED, ORDERED, DONE, CLOSED, WITHDRAWN, REJECTED = (
    "drafted", "recommended", "ordered", "done", "closed", "withdrawn", "rejected",
)  # fmt: skip
EDIT = step("edit", [DRAFTED], DRAFTED)
RECOMMEND = step("recommend", [DRAFTED], RECOMMENDED)
ORDER = step("match with an order of", [RECOMMENDED], ORDERED)
COMPLETE = step("complete", [RECOMMENDED, ORDERED], DONE)
REOPEN = step("open again", [ORDERED, DONE], RECOMMENDED)
CLOSE = step("close", [RECOMMENDED, ORDERED], CLOSED)
WITHDRAW = step("withdraw", [DRAFTED, RECOMMENDED, ORDERED], WITHDRAWN)
OPEN = (RECOMMENDED, ORDERED)
"""What somebody still has to see to."""
