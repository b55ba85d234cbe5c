"""State diagram of a reading item."""

from ris.kernel.states import step

UNREAD, CLAIMED, PRELIMINARY, PARKED, FINAL, CANCELLED = (
    "unread",
    "claimed",
    "preliminary",
    "parked",
    "final",
    "cancelled",
)

WAITING = frozenset({UNREAD, PRELIMINARY})
"""Items that somebody may be given: for reading, or (preliminary) for signing."""

OPEN = frozenset({UNREAD, CLAIMED, PRELIMINARY, PARKED})
"""Items that are not over."""

CLAIM = step("claim", [UNREAD, PRELIMINARY, PARKED], CLAIMED)
TAKE_OVER = step("take over", [CLAIMED], CLAIMED)
FINISH = step("finish", [CLAIMED], FINAL)
CANCEL = step("cancel", OPEN, CANCELLED)
REOPEN = step("open again", [CANCELLED], UNREAD)
READ_AGAIN = step("read again", [FINAL, PRELIMINARY, CLAIMED, PARKED, UNREAD], UNREAD)
"""Its report was retracted: somebody reads the exam as if nobody had."""

# Each of these has a twin, since an item that carries a resident's preliminary report goes back to
# those who may sign it, and one that does not goes back to all.
RELEASE = step("release", [CLAIMED], UNREAD)
RELEASE_TO_SIGNER = step("release", [CLAIMED], PRELIMINARY)
PARK = step("park", [UNREAD, CLAIMED, PRELIMINARY], PARKED)
RESUME = step("resume", [PARKED], UNREAD)
RESUME_TO_SIGNER = step("resume", [PARKED], PRELIMINARY)
