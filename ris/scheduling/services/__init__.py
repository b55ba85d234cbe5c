"""Services of the calendar. Each is one transaction that audits itself."""

from .appointments import call_off, hold_time, release_holds, renew_holds
from .openings import close_for, keep_block, open_weekly, remove_block, remove_hours, reopen
from .waiting import accept_offer, book_waiting, decline_offer, offer_time, put_on_waiting_list, withdraw_entry

__all__ = [
    "accept_offer",
    "book_waiting",
    "call_off",
    "close_for",
    "decline_offer",
    "hold_time",
    "keep_block",
    "offer_time",
    "open_weekly",
    "put_on_waiting_list",
    "release_holds",
    "remove_block",
    "remove_hours",
    "renew_holds",
    "reopen",
    "withdraw_entry",
]
