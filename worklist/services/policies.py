"""The numbers of the score are proposed, put in force and retired. What was in force is never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel import doorbell
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict
from ris.people.models import User
from worklist import states
from worklist.events import WORKLIST_BELL
from worklist.models import ReadingItem, ScorePolicy
from worklist.rules.policy import PRESET, URGENT_FROM, Policy, read_policy

STAT = 2
"""The least urgent class whose points no policy changes."""


@transaction.atomic
def propose_policy(
    policy: Policy, *, expected: dict[str, Any], note: str, maker: User | None, actor: Actor, at: datetime
) -> ScorePolicy:
    """Keep a policy with what is expected of it. Nothing is scored by it until it is put in force."""
    row = ScorePolicy.objects.create(
        values=policy.kept(), expected=expected, note=note[:250], made_by=maker, made_at=at
    )
    record(actor, "score-policy.propose", row, at=at, values=row.values)
    return row


@transaction.atomic
def put_policy_in_force(policy_id: int, *, actor: Actor, at: datetime) -> ScorePolicy:
    """Score every open case by this policy from now on; the one before is retired. Raises Conflict unless proposed."""
    lock_name("score-policy")  # of two who decide at once the second sees what the first did
    row = ScorePolicy.objects.filter(pk=policy_id, state=ScorePolicy.PROPOSED).first()
    if row is None:
        raise Conflict("Only a proposed policy can be put in force.")
    ScorePolicy.objects.filter(state=ScorePolicy.LIVE).update(state=ScorePolicy.RETIRED, in_force_until=at)
    row.state, row.in_force_from = ScorePolicy.LIVE, at
    row.save()
    _score_anew(read_policy(row.values), at)
    record(actor, "score-policy.in-force", row, at=at, values=row.values)
    return row


@transaction.atomic
def retire_policy(policy_id: int, *, actor: Actor, at: datetime) -> ScorePolicy:
    """Score by the preset numbers again. Raises Conflict unless the policy is in force."""
    lock_name("score-policy")
    row = ScorePolicy.objects.filter(pk=policy_id, state=ScorePolicy.LIVE).first()
    if row is None:
        raise Conflict("Only the policy that is in force can be retired.")
    row.state, row.in_force_until = ScorePolicy.RETIRED, at
    row.save()
    _score_anew(PRESET, at)
    record(actor, "score-policy.retire", row, at=at)
    return row


def _score_anew(policy: Policy, at: datetime) -> None:
    """Give open cases the points of their class, and let all that wait be placed anew: their turn is now.

    What an AI result promoted keeps its points; when the result expires, the case is priced by the new policy.
    """
    items = ReadingItem.objects.filter(state__in=states.OPEN)
    for urgency, _ in ReadingItem.URGENCIES:
        if urgency > STAT:
            points = policy.class_points(urgency)
            items.filter(urgency=urgency, weight__lt=URGENT_FROM).update(weight=points)
    items.filter(lane__isnull=False).update(turns_at=at)
    doorbell.ring(WORKLIST_BELL)
