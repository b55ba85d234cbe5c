"""Rows of the calendar: opening hours, closures, blocks, holds, waiting list and offers, reminders."""

from .openings import Block, Closure, OpeningHours, Stamp
from .waiting import Hold, Offer, Reminder, WaitingEntry

__all__ = ["Block", "Closure", "Hold", "Offer", "OpeningHours", "Reminder", "Stamp", "WaitingEntry"]
