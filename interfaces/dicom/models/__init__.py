"""What the DICOM services store, by subject."""

from .devices import DeviceProfile, MwlQuery, Rejection
from .performed import AvailableInstance, Mpps, MppsForward, NoImages
from .priors import DoubtfulPrior, Prefetch, PriorDestination, PriorMove
from .remotes import Archive, MppsTarget, Remote
from .reports import ReportObject, ReportRoute, ReportSend
from .workitems import AiAlgorithm, Workitem, WorkitemEvent, WorkitemSubscription

__all__ = [
    "AiAlgorithm",
    "Archive",
    "AvailableInstance",
    "DeviceProfile",
    "DoubtfulPrior",
    "Mpps",
    "MppsForward",
    "MppsTarget",
    "MwlQuery",
    "NoImages",
    "Prefetch",
    "PriorDestination",
    "PriorMove",
    "Rejection",
    "Remote",
    "ReportObject",
    "ReportRoute",
    "ReportSend",
    "Workitem",
    "WorkitemEvent",
    "WorkitemSubscription",
]
