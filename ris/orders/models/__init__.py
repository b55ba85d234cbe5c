"""Rows of orders: order, requested procedure, scheduled and performed step, study in the archive, appointment."""

from .appointments import Appointment
from .ordered import Order
from .performed import PerformedStep, Study
from .scheduled import RequestedProcedure, ScheduledStep

__all__ = ["Appointment", "Order", "PerformedStep", "RequestedProcedure", "ScheduledStep", "Study"]
