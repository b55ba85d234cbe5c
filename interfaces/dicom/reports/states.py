"""State diagram of a report that is owed to an archive."""

from ris.kernel.states import step

QUEUED, SENT, SKIPPED = "queued", "sent", "skipped"
MARK_SENT = step("mark as sent", [QUEUED], SENT)
RESEND = step("resend", [QUEUED, SENT, SKIPPED], QUEUED)
SKIP = step("skip", [QUEUED], SKIPPED)
