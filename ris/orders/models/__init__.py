"""Rows of orders: order, requested procedure, scheduled and performed step, study, appointment, questions asked."""

from ..questions import AskedQuestion
from .appointments import Appointment
from .ordered import Order
from .performed import PerformedStep, Study
from .scheduled import RequestedProcedure, ScheduledStep

__all__ = ["Appointment", "AskedQuestion", "Order", "PerformedStep", "RequestedProcedure", "ScheduledStep", "Study"]
