"""State diagram of a message that is owed to an MPPS target."""

from ris.kernel.queue import QueueSteps
from ris.kernel.states import step

OWED, SENT = "owed", "sent"
FORWARD = QueueSteps(
    claim=step("claim", [OWED], OWED),
    postpone=step("postpone", [OWED], OWED),
    complete=step("mark as sent", [OWED], SENT),
)
