"""State diagram of a report that is owed to an archive."""

from ris.kernel.queue import QueueSteps
from ris.kernel.states import step

QUEUED, SENT, SKIPPED = "queued", "sent", "skipped"
MARK_SENT = step("mark as sent", [QUEUED], SENT)
RESEND = step("resend", [QUEUED, SENT, SKIPPED], QUEUED)
SKIP = step("skip", [QUEUED], SKIPPED)
SENDS = QueueSteps(
    claim=step("claim", [QUEUED], QUEUED), postpone=step("postpone", [QUEUED], QUEUED), complete=MARK_SENT
)
