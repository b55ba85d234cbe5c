"""A step that a person books reserves its device: the database takes no second one for any moment of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import IntegrityError, connections, transaction
from django.db.models import F

from ris.kernel.db.exclusion import Exclusion, keep_exclusive
from ris.kernel.errors import Conflict

from .. import states
from ..models import ScheduledStep

TAKEN = "taken"
"""Code of the Conflict of who wants a device at a time that is not free."""

ONE_AT_A_TIME = Exclusion(table="orders_scheduledstep", key="device_id", start="start", end="reserved_until")


def hold_exclusion(using: str, **kwargs: Any) -> None:
    """After every migrate: a table that SQLite made anew has lost its triggers."""
    keep_exclusive(connections[using], ONE_AT_A_TIME)


def reserve(step: ScheduledStep, *, overbooked: str = "") -> None:
    """Reserve the step's device from its start for its minutes, unless it is ``overbooked`` (why, in words).

    Raises Conflict (code ``taken``) where somebody else has reserved a moment of it. Call inside a transaction.
    """
    until = None if overbooked or step.device_id is None else step.start + timedelta(minutes=step.minutes)
    waiting = ScheduledStep.objects.filter(pk=step.pk, state__in=states.WAITING)
    try:
        with transaction.atomic():
            waiting.update(reserved_until=until, overbooked=overbooked[:120], version=F("version") + 1)
    except IntegrityError as error:
        raise Conflict(
            "Somebody else has booked this device for that time meanwhile.", at="start", code=TAKEN
        ) from error
