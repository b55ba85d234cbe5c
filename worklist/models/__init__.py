"""Rows of the worklist, by aggregate."""

from .escalations import Escalation, EscalationMessage, EscalationRoute
from .handling import Offer, Skip
from .items import Lane, ReadingItem
from .policies import ScorePolicy
from .readers import Conflict, Presence, Privilege, ReaderProfile, Skill
from .records import Decision, PriorPlan
from .roster import Holiday, Shift, ShiftChange
from .rulesets import RuleSet
from .sites import AwaitedImages, SiteReading
from .stamps import Stamp
from .urgency import AiFlag, AiPerformance, ClockPause, ClockStart

__all__ = [
    "AiFlag",
    "AiPerformance",
    "AwaitedImages",
    "ClockPause",
    "ClockStart",
    "Conflict",
    "Decision",
    "Escalation",
    "EscalationMessage",
    "EscalationRoute",
    "Holiday",
    "Lane",
    "Offer",
    "Presence",
    "PriorPlan",
    "Privilege",
    "ReaderProfile",
    "ReadingItem",
    "RuleSet",
    "ScorePolicy",
    "Shift",
    "ShiftChange",
    "SiteReading",
    "Skill",
    "Skip",
    "Stamp",
]
