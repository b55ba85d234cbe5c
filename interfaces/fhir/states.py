"""State diagrams of subscriptions and of the notifications that they are owed."""

from __future__ import annotations

from ris.kernel.queue import QueueSteps
from ris.kernel.states import step

# A subscription (R4 value set subscription-status). One that was deleted is kept: its id answers 410.
REQUESTED, ACTIVE, ERROR, OFF, DELETED = "requested", "active", "error", "off", "deleted"
STANDING = (REQUESTED, ACTIVE, ERROR)
"""States in which events are numbered: what a receiver missed it can ask for, or is sent once it is back."""
SENDING = (REQUESTED, ACTIVE)
ACTIVATE = step("activate", [REQUESTED], ACTIVE)
FAIL = step("note as failing", [REQUESTED, ACTIVE], ERROR)
REQUEST = step("request again", [REQUESTED, ACTIVE, ERROR, OFF], REQUESTED)
SWITCH_OFF = step("switch off", [REQUESTED, ACTIVE, ERROR], OFF)
DELETE = step("delete", [REQUESTED, ACTIVE, ERROR, OFF], DELETED)

# A notification. One of a websocket is kept for whoever listens, and owed to nobody.
OWED, SENT, KEPT, SKIPPED = "owed", "sent", "kept", "skipped"
NOTIFICATIONS = QueueSteps(
    claim=step("claim", [OWED], OWED), postpone=step("postpone", [OWED], OWED), complete=step("send", [OWED], SENT)
)
SKIP = step("skip", [OWED], SKIPPED)
AGAIN = step("send again", [OWED], OWED)
