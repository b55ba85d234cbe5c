"""Named promises of the worklist."""

from .assignment import suggest
from .claims.claim import claim, finish, release, take_over, to_signer
from .claims.deferral import park, resume, skip
from .claims.handover import hand_over, redistribute, redistribute_from
from .claims.leases import expire_leases, extend_lease
from .claims.offers import accept, decline, offer
from .claims.reservation import reserve
from .conflicts import copy_conflicts, take_back_conflicts
from .escalation import acknowledge, climb_due, widen_uncovered
from .items import cancel_item, open_item, reprice
from .next_case.selection import next_case
from .priors import cancel_plans, note_fetched, plan_priors
from .readiness import look_for_missing, open_if_readable, start_clock_by_images, stop_awaiting
from .revisions import tell_revised
from .roster import add_shift, change_day, end_shift, revise_shift, set_presence
from .urgency.facts import note_ai_result, pause_clock, resume_clock, set_mark, set_priority
from .urgency.lanes import score_terms, turn_due

__all__ = [
    "accept",
    "acknowledge",
    "add_shift",
    "cancel_item",
    "cancel_plans",
    "change_day",
    "claim",
    "climb_due",
    "copy_conflicts",
    "decline",
    "end_shift",
    "expire_leases",
    "extend_lease",
    "finish",
    "hand_over",
    "look_for_missing",
    "next_case",
    "note_ai_result",
    "note_fetched",
    "offer",
    "open_if_readable",
    "open_item",
    "park",
    "pause_clock",
    "plan_priors",
    "redistribute",
    "redistribute_from",
    "release",
    "reprice",
    "reserve",
    "resume",
    "resume_clock",
    "revise_shift",
    "score_terms",
    "set_mark",
    "set_presence",
    "set_priority",
    "skip",
    "start_clock_by_images",
    "stop_awaiting",
    "suggest",
    "take_back_conflicts",
    "take_over",
    "tell_revised",
    "to_signer",
    "turn_due",
    "widen_uncovered",
]
