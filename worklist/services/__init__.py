"""Services of the worklist: each is one transaction that changes rows, writes audit rows and emits events.

Rooms: ``claims`` (who holds a case), ``next_case``, ``urgency``; modules: ``items`` (cases come and go),
``assignment`` (suggestions and offers), ``escalation``, ``roster``, ``rules_in_force``, ``priors``, ``revisions`` (what
stands around a case changed), ``sweep`` (what time brings about).
"""

from .assignment import accept_offer, decline_offer, offer_item, suggest_reader
from .claims.claim import claim, claim_along, hold_together, take_over
from .claims.deferral import park, resume, skip
from .claims.handover import assign, call_reader, hand_over, redistribute, redistribute_from, reserve
from .claims.leases import expire_leases, extend_lease, finish, pass_back, pass_to_signer, release
from .escalation import acknowledge, climb_due_rungs, widen_uncovered
from .items import (
    cancel_item,
    open_if_readable,
    open_item,
    read_again,
    reprice,
    start_clock_by_images,
    stop_awaiting,
)
from .list_entries import delete_view, save_view, write_list_entries, write_missing_entries
from .next_case.selection import next_case
from .notices import notify, see_notices
from .priors import cancel_plans, note_fetched, plan_priors
from .revisions import (
    copy_conflicts,
    emit_revised,
    note_grown_study,
    note_resumed_exam,
    note_whole_again,
    note_withdrawn_images,
    take_back_conflicts,
)
from .roster import add_shift, change_day, end_shift, revise_shift, set_presence
from .sweep import alarm_missing_images
from .urgency.item_price import advance_lanes, score_terms
from .urgency.updates import note_ai_result, pause_clock, resume_clock, set_mark, set_priority, withdraw_ai_result

__all__ = [
    "accept_offer",
    "acknowledge",
    "add_shift",
    "advance_lanes",
    "alarm_missing_images",
    "assign",
    "call_reader",
    "cancel_item",
    "cancel_plans",
    "change_day",
    "claim",
    "claim_along",
    "climb_due_rungs",
    "copy_conflicts",
    "decline_offer",
    "delete_view",
    "emit_revised",
    "end_shift",
    "expire_leases",
    "extend_lease",
    "finish",
    "hand_over",
    "hold_together",
    "next_case",
    "note_ai_result",
    "note_fetched",
    "note_grown_study",
    "note_resumed_exam",
    "note_whole_again",
    "note_withdrawn_images",
    "notify",
    "offer_item",
    "open_if_readable",
    "open_item",
    "park",
    "pass_back",
    "pass_to_signer",
    "pause_clock",
    "plan_priors",
    "read_again",
    "redistribute",
    "redistribute_from",
    "release",
    "reprice",
    "reserve",
    "resume",
    "resume_clock",
    "revise_shift",
    "save_view",
    "score_terms",
    "see_notices",
    "set_mark",
    "set_presence",
    "set_priority",
    "skip",
    "start_clock_by_images",
    "stop_awaiting",
    "suggest_reader",
    "take_back_conflicts",
    "take_over",
    "widen_uncovered",
    "withdraw_ai_result",
    "write_list_entries",
    "write_missing_entries",
]
