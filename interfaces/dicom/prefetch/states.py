"""State diagrams of looking for priors and of moving one."""

from ris.kernel.states import step

WANTED, SEARCHED, STOPPED = "wanted", "searched", "stopped"
SEARCH = step("search", [WANTED, SEARCHED], SEARCHED)
STOP = step("stop", [WANTED, SEARCHED], STOPPED)
WANT_AGAIN = step("want again", [SEARCHED, STOPPED], WANTED)

QUEUED, MOVING, MOVED, MISSED = "queued", "moving", "moved", "missed"
BEGIN = step("begin", [QUEUED], MOVING)
FINISH = step("finish", [MOVING], MOVED)
POSTPONE = step("postpone", [MOVING], QUEUED)
MISS = step("miss", [MOVING], MISSED)
DROP = step("drop", [QUEUED], STOPPED)
QUEUE_AGAIN = step("queue again", [MISSED, STOPPED], QUEUED)
"""A move that was dropped or missed, and is wanted once more."""
