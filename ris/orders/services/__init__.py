"""Services of orders and exams. Each is one transaction that audits itself and emits its events."""

from .booking import book_order, rebook_step, reschedule_step
from .by_hand import (
    arrive,
    complete_by_hand,
    discontinue_by_hand,
    note_questions,
    start_by_hand,
    undo_arrival,
    undo_end,
    undo_start,
)
from .cancellation import (
    cancel_order,
    cancel_procedure,
    hold_order,
    reinstate_procedure,
    reinstate_step,
    release_order,
    withdraw_order,
    withdraw_procedure,
    withdraw_step,
)
from .patient_moves import give_order
from .performed_steps import complete_exam, discontinue_exam, start_exam
from .placement import place_order
from .reconciliation import link_exam, link_images, unlink_exam
from .referrers import enter_referrers
from .revision import number_order, revise_order
from .studies import note_images, note_withdrawal

__all__ = [
    "arrive",
    "book_order",
    "cancel_order",
    "cancel_procedure",
    "complete_by_hand",
    "complete_exam",
    "discontinue_by_hand",
    "discontinue_exam",
    "enter_referrers",
    "give_order",
    "hold_order",
    "link_exam",
    "link_images",
    "note_images",
    "note_questions",
    "note_withdrawal",
    "number_order",
    "place_order",
    "rebook_step",
    "reinstate_procedure",
    "reinstate_step",
    "release_order",
    "reschedule_step",
    "revise_order",
    "start_by_hand",
    "start_exam",
    "undo_arrival",
    "undo_end",
    "undo_start",
    "unlink_exam",
    "withdraw_order",
    "withdraw_procedure",
    "withdraw_step",
]
