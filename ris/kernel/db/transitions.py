"""The one way in which a row changes its state: a guarded UPDATE.

The WHERE of the statement holds the whole guard, so of two callers who race one
changes the row and the other changes nothing, on any database.
"""

from __future__ import annotations

from typing import Any, Self, TypeVar, cast

from django.db import models
from django.db.models import F

from ..errors import Conflict, NotFound
from ..states import Step

M = TypeVar("M", bound=models.Model)


class StatefulQuerySet(models.QuerySet[M]):
    """A queryset whose rows change state by guarded updates only. Rows that nobody caches need no ``version``."""

    def take(self, step: Step, pk: Any, **changes: Any) -> M:
        """Take ``step`` on the row ``pk``, writing ``changes`` with it; return the row as it now is.

        A guard that concerns the caller is filtered in first:
        ``objects.filter(reader=reader).take(FINISH, item_id)``. Raises :class:`NotFound` when no such
        row exists and :class:`Conflict` when the row is there but the guard does not hold.
        """
        taken = self.filter(pk=pk).take_all(step, **changes)
        row: Any = self.model._default_manager.filter(pk=pk).first()
        if row is None:
            raise NotFound(f"There is no such {self.model._meta.verbose_name}.")
        if not taken:
            raise Conflict(
                f"Cannot {step.name}: this {self.model._meta.verbose_name} is {row.state}"
                + (" and not yours to change." if row.state in step.sources else ".")
            )
        return cast(M, row)

    def take_all(self, step: Step, **changes: Any) -> int:
        """Take ``step`` on each of these rows that is in one of its sources; return how many moved.

        The guard is in the statement, as in :meth:`take`. Rows in another state stay as they are: for callers
        to whom a row that was moved by somebody else meanwhile is no error.
        """
        if issubclass(self.model, Stateful):
            changes["version"] = F("version") + 1
        return self.filter(state__in=step.sources).update(state=step.target, **changes)


class Stateful(models.Model):
    """A row with a state diagram. ``version`` grows with each change, so caches can be keyed by it."""

    state = models.CharField(max_length=16)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = StatefulQuerySet.as_manager()

    class Meta:
        abstract = True

    def reread(self) -> Self:
        """This row as the database has it now."""
        self.refresh_from_db()
        return self
