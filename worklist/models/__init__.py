"""Rows of the worklist, by aggregate."""

from .items import AiFlag, AiPerformance, ClockPause, Escalation, Offer, ReadingItem, Skip
from .readers import Presence, Privilege, ReaderProfile, Skill
from .records import Decision, PriorPlan
from .roster import Holiday, Shift, ShiftChange
from .rulesets import RuleSet

__all__ = [
    "AiFlag",
    "AiPerformance",
    "ClockPause",
    "Decision",
    "Escalation",
    "Holiday",
    "Offer",
    "Presence",
    "PriorPlan",
    "Privilege",
    "ReaderProfile",
    "ReadingItem",
    "RuleSet",
    "Shift",
    "ShiftChange",
    "Skill",
    "Skip",
]
