"""State diagrams of what is owed to other DICOM systems: forwards of MPPS, reports, searches and moves of priors."""

from __future__ import annotations

from ris.kernel.queue import QueueSteps
from ris.kernel.states import step

# An MPPS message that is owed to a further PPS manager.
OWED, SENT = "owed", "sent"
FORWARDS = QueueSteps(
    claim=step("claim", [OWED], OWED),
    postpone=step("postpone", [OWED], OWED),
    complete=step("mark as sent", [OWED], SENT),
)

# A report that is owed to an archive. One that was sent may be sent again, as when the archive lost it.
QUEUED, SKIPPED = "queued", "skipped"
MARK_SENT = step("mark as sent", [QUEUED], SENT)
RESEND = step("resend", [QUEUED, SENT, SKIPPED], QUEUED)
SKIP = step("skip", [QUEUED], SKIPPED)
SENDS = QueueSteps(
    claim=step("claim", [QUEUED], QUEUED), postpone=step("postpone", [QUEUED], QUEUED), complete=MARK_SENT
)

# A search of one archive for the priors of one procedure.
WANTED, SEARCHED, STOPPED = "wanted", "searched", "stopped"
SEARCH = step("search", [WANTED], SEARCHED)
STOP = step("stop", [WANTED, SEARCHED], STOPPED)
WANT_AGAIN = step("want again", [SEARCHED, STOPPED], WANTED)
SEARCHES = QueueSteps(
    claim=step("claim", [WANTED], WANTED), postpone=step("postpone", [WANTED], WANTED), complete=SEARCH
)

# The move (C-MOVE) of one prior to one destination.
MOVING, MOVED, MISSED = "moving", "moved", "missed"
BEGIN = step("begin", [QUEUED, MOVING], MOVING)
"""A move that is under way begins again only once its claim is over: its worker is lost."""
FINISH = step("finish", [MOVING], MOVED)
POSTPONE = step("postpone", [MOVING], QUEUED)
MISS = step("miss", [MOVING], MISSED)
MOVES = QueueSteps(claim=BEGIN, postpone=POSTPONE, complete=FINISH, give_up=MISS)
DROP = step("drop", [QUEUED], STOPPED)
QUEUE_AGAIN = step("queue again", [MISSED, STOPPED], QUEUED)
"""A move that was dropped or missed, and is wanted once more."""

# A workitem (UPS, PS3.4 CC.1.1). From SCHEDULED nothing leads to an end but by way of IN PROGRESS.
SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED = "SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"
WORKITEM_STATES = (SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED)
UNFINISHED_WORK = (SCHEDULED, IN_PROGRESS)
CLAIM_WORK = step("claim", [SCHEDULED], IN_PROGRESS)
COMPLETE_WORK = step("complete", [IN_PROGRESS], COMPLETED)
CANCEL_WORK = step("cancel", [IN_PROGRESS], CANCELED)
