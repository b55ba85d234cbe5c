"""Rows of the calendar: opening hours, closures, blocks, holds, waiting list and offers, reminders."""

from .openings import Block, Closure, OpeningHours, Stamp
from .reminders import Reminder, ReminderChannel
from .waiting import Hold, Offer, WaitingEntry

__all__ = ["Block", "Closure", "Hold", "Offer", "OpeningHours", "Reminder", "ReminderChannel", "Stamp", "WaitingEntry"]
