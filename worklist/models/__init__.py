"""Rows of the worklist, by aggregate."""

from .items import AiFlag, AiPerformance, ClockPause, Escalation, Lane, Offer, ReadingItem, Skip
from .readers import Conflict, Presence, Privilege, ReaderProfile, Skill
from .records import Decision, PriorPlan
from .roster import Holiday, Shift, ShiftChange
from .rulesets import RuleSet
from .sites import AwaitedImages, SiteReading
from .stamps import Stamp

__all__ = [
    "AiFlag",
    "AiPerformance",
    "AwaitedImages",
    "ClockPause",
    "Conflict",
    "Decision",
    "Escalation",
    "Holiday",
    "Lane",
    "Offer",
    "Presence",
    "PriorPlan",
    "Privilege",
    "ReaderProfile",
    "ReadingItem",
    "RuleSet",
    "Shift",
    "ShiftChange",
    "SiteReading",
    "Skill",
    "Skip",
    "Stamp",
]
