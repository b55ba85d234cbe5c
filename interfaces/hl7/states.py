"""State diagrams of what comes in and what goes out."""

from ris.kernel.states import step

# InboundMessage: every message ends in one of the last six.
RECEIVED = "received"
APPLIED, IGNORED, REFUSED, DUPLICATE, FAILED = "applied", "ignored", "refused", "duplicate", "failed"
TO_MEND = "to mend"
"""Accepted and kept, but something that it asked for was not done: a person has to."""
TAKEN = frozenset({APPLIED, IGNORED, TO_MEND})
"""Processed and answered AA."""
OPEN = frozenset({RECEIVED, FAILED})
"""Not decided yet: stored and to be applied, or failed by our own fault and to be tried again."""

# OutboundMessage: leaves its lane only by sent or skipped.
QUEUED, SENT, STOPPED, INVALID, SKIPPED = "queued", "sent", "stopped", "invalid", "skipped"
MARK_SENT = step("mark as sent", [QUEUED], SENT)
STOP = step("stop", [QUEUED], STOPPED)
POSTPONE = step("postpone", [QUEUED], QUEUED)
HOLD_INVALID = step("hold as invalid", [QUEUED], INVALID)
RESEND = step("resend", [QUEUED, STOPPED, INVALID, SENT, SKIPPED], QUEUED)
SKIP = step("skip", [QUEUED, STOPPED, INVALID], SKIPPED)
UNFINISHED = frozenset({QUEUED, STOPPED, INVALID})
"""What holds its lane."""
