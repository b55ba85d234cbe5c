"""State diagrams of a waiting entry, an offer and a reminder."""

from ris.kernel.states import step

# Who waits for a time. ``offered`` is no state of its own: an open offer says it.
WAITING, BOOKED, WITHDRAWN = "waiting", "booked", "withdrawn"
BOOK = step("book", [WAITING], BOOKED)
WITHDRAW = step("withdraw", [WAITING], WITHDRAWN)

OPEN, ACCEPTED, DECLINED, EXPIRED = "open", "accepted", "declined", "expired"
ACCEPT = step("accept", [OPEN], ACCEPTED)
DECLINE = step("decline", [OPEN], DECLINED)
EXPIRE = step("let run out", [OPEN], EXPIRED)

OWED, SENT, DROPPED, FAILED = "owed", "sent", "dropped", "failed"
DROP = step("drop", [OWED], DROPPED)
