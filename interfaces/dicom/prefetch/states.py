"""State diagrams of looking for priors and of moving one."""

from ris.kernel.queue import QueueSteps
from ris.kernel.states import step

WANTED, SEARCHED, STOPPED = "wanted", "searched", "stopped"
SEARCH = step("search", [WANTED], SEARCHED)
STOP = step("stop", [WANTED, SEARCHED], STOPPED)
WANT_AGAIN = step("want again", [SEARCHED, STOPPED], WANTED)
SEARCHES = QueueSteps(
    claim=step("claim", [WANTED], WANTED), postpone=step("postpone", [WANTED], WANTED), complete=SEARCH
)

QUEUED, MOVING, MOVED, MISSED = "queued", "moving", "moved", "missed"
BEGIN = step("begin", [QUEUED, MOVING], MOVING)
"""A move that is under way begins again only once its claim is over: its worker is lost."""
FINISH = step("finish", [MOVING], MOVED)
POSTPONE = step("postpone", [MOVING], QUEUED)
MISS = step("miss", [MOVING], MISSED)
MOVES = QueueSteps(claim=BEGIN, postpone=POSTPONE, complete=FINISH, give_up=MISS)
DROP = step("drop", [QUEUED], STOPPED)
QUEUE_AGAIN = step("queue again", [MISSED, STOPPED], QUEUED)
"""A move that was dropped or missed, and is wanted once more."""
