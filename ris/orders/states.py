"""State diagrams of orders, scheduled steps and performed steps."""

from ris.kernel.states import step

# Order (and each Requested Procedure of it): what was asked for.
ACTIVE, HELD, CANCELLED = "active", "held", "cancelled"
HOLD = step("hold", [ACTIVE], HELD)
RELEASE = step("release", [HELD], ACTIVE)
CANCEL = step("cancel", [ACTIVE, HELD], CANCELLED)
REINSTATE = step("reinstate", [CANCELLED], ACTIVE)

# Scheduled Procedure Step: what is to be done on a device.
SCHEDULED, ARRIVED, STARTED, COMPLETED, DISCONTINUED = "scheduled", "arrived", "started", "completed", "discontinued"
ARRIVE = step("arrive", [SCHEDULED], ARRIVED)
UNARRIVE = step("undo the arrival", [ARRIVED], SCHEDULED)
START = step("start", [SCHEDULED, ARRIVED, STARTED, DISCONTINUED], STARTED)
RESUME = step("resume", [COMPLETED], STARTED)
COMPLETE = step("complete", [SCHEDULED, ARRIVED, STARTED], COMPLETED)
DISCONTINUE = step("discontinue", [SCHEDULED, ARRIVED, STARTED], DISCONTINUED)
RETURN = step("put back", [STARTED, DISCONTINUED], SCHEDULED)
RETURN_ARRIVED = step("put back", [STARTED, DISCONTINUED], ARRIVED)
REOPEN = step("undo the end of", [COMPLETED, DISCONTINUED], STARTED)
UNLINK = step("unlink", [STARTED, COMPLETED, DISCONTINUED], SCHEDULED)
CANCEL_STEP = step("cancel", [SCHEDULED, ARRIVED, DISCONTINUED], CANCELLED)
REINSTATE_STEP = step("reinstate", [CANCELLED], SCHEDULED)
PERFORM_CANCELLED = step("perform though cancelled", [CANCELLED], STARTED)

BEGUN = frozenset({STARTED, COMPLETED})
"""What was done to a patient stays done, whoever cancels."""

WAITING = frozenset({SCHEDULED, ARRIVED})
"""Steps that a scanner may still pick from the worklist."""

RESCHEDULE = {state: step("reschedule", [state], state) for state in WAITING}
"""One step for each waiting state, which it leaves as it is."""

# Appointment of another system: what its last message said. Senders go from any state to any other.
BOOKED, MOVED, NO_SHOW, BLOCKED = "booked", "moved", "no-show", "blocked"
_APPOINTMENT_STATES = [BOOKED, MOVED, CANCELLED, NO_SHOW, BLOCKED]
APPOINTMENT = {
    BOOKED: step("book", _APPOINTMENT_STATES, BOOKED),
    MOVED: step("move", _APPOINTMENT_STATES, MOVED),
    CANCELLED: step("call off", _APPOINTMENT_STATES, CANCELLED),
    NO_SHOW: step("note as missed", _APPOINTMENT_STATES, NO_SHOW),
    BLOCKED: step("block", _APPOINTMENT_STATES, BLOCKED),
}
LIVE_APPOINTMENTS = (BOOKED, MOVED)
"""Appointments at which somebody is expected."""

# Performed Procedure Step (PS3.4 F.7.2.1): what a device did.
IN_PROGRESS = "in progress"
FINISH_PERFORMED = step("complete", [IN_PROGRESS], COMPLETED)
STOP_PERFORMED = step("discontinue", [IN_PROGRESS], DISCONTINUED)
REOPEN_PERFORMED = step("undo the end of", [COMPLETED, DISCONTINUED], IN_PROGRESS)
