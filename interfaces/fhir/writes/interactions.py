"""Which resource types may be written: what creates one, what changes one. Each is one service call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .body import Element
from .findings import create_observation, create_report
from .orders import Caller, create_order, create_patient
from .subscription import create_subscription, delete_subscription, update_subscription
from .work import (
    create_appointment,
    update_appointment,
    update_communication,
    update_study,
    update_task,
)

CREATES: dict[str, Callable[[Element, Caller], tuple[Any, bool]]] = {
    "Patient": create_patient,
    "ServiceRequest": create_order,
    "Appointment": create_appointment,
    "Observation": create_observation,
    "DiagnosticReport": create_report,
    "Subscription": create_subscription,
}
"""Type → what creates one: the row, and whether it is new."""
WRITTEN_AS = {"DiagnosticReport": "Observation"}
"""Type → type of the row that creating one makes, where that is another: a device's report is its findings."""
UPDATES: dict[str, Callable[[Any, Element, Caller], None]] = {
    "Task": update_task,
    "Appointment": update_appointment,
    "Communication": update_communication,
    "ImagingStudy": update_study,
    "Subscription": update_subscription,
}
DELETES: dict[str, Callable[[Any, Caller], None]] = {"Subscription": delete_subscription}
"""Type → what deletes one."""
