"""Jobs: one act on very many rows, done piece by piece. A row says which rows and how far it is.

Workers of any number may be at a job: they take turns on its row, each piece is one transaction with the note that
it is done, so nothing is done twice and a killed worker leaves the job where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import F

from .db.transitions import Stateful
from .states import step

RUNNING, HALTED, DONE = "running", "halted", "done"
HALT = step("stop", [RUNNING], HALTED)
GO_ON = step("go on", [HALTED], RUNNING)
FINISH = step("finish", [RUNNING], DONE)


class Job(Stateful):
    """Rows up to ``last_id``, in the order of their ids, of which ``done`` of ``total`` are behind the cursor."""

    last_id = models.BigIntegerField(help_text="Rows up to this id: what is written later is no part of it.")
    cursor = models.BigIntegerField(default=0, help_text="The row that was gone through last.")
    total = models.PositiveIntegerField(help_text="Rows to go through.")
    done = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=250)
    actor = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def percent(self) -> int:
        """How far it is; 100 only when it is over."""
        return 100 if self.state == DONE else min(99, 100 * self.done // max(self.total, 1))

    @classmethod
    def running(cls) -> list[int]:
        """The ids of jobs of which something is left to do, oldest first."""
        running = cls._default_manager.filter(state=RUNNING)
        return list(running.order_by("pk").values_list("pk", flat=True))

    @classmethod
    def lock_running(cls, job_id: int) -> Self | None:
        """The job, locked until the end of the transaction; None when it does not run (any more)."""
        # of self: rows of other tables that are read along stay free (PostgreSQL refuses to lock an outer join's)
        rows = cls._default_manager.select_for_update(of=("self",))
        job: Any = rows.filter(pk=job_id, state=RUNNING).first()
        return job  # type: ignore[no-any-return]

    def advance(self, cursor: int, done: int, **changes: Any) -> None:
        """Note, in the transaction of the piece, that so many rows up to ``cursor`` are done."""
        # No change of state: the row is locked by lock_running, and version tells the screen that there is news
        row = type(self)._default_manager.filter(pk=self.pk)
        row.update(cursor=cursor, done=F("done") + done, version=F("version") + 1, **changes)

    def finish(self, at: datetime) -> None:
        """Note that nothing is left to do."""
        type(self).objects.take(FINISH, self.pk, ended_at=at)


def work_at(jobs: type[Job], piece: Callable[[int], bool], *, go_on: Callable[[], bool]) -> bool:
    """Work at all running jobs while ``go_on`` says so; return whether something is left to do.

    ``piece`` does the next piece of the job of that id and says whether there may be more.
    """
    for job_id in jobs.running():
        while go_on() and piece(job_id):
            pass
    return bool(jobs.running())
