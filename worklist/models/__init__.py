"""Rows of the worklist, by aggregate."""

from .escalations import Escalation, EscalationMessage, EscalationRoute
from .items import Lane, ReadingItem
from .lists import ListEntry, ListView, Notice
from .readers import Conflict, Holiday, Presence, Privilege, ReaderProfile, Shift, ShiftChange, Skill, Stamp
from .records import Decision, Offer, OfferCall, PriorPlan, Skip
from .rules import RuleSet, ScorePolicy
from .sites import AwaitedImages, SiteReading
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
    "ListEntry",
    "ListView",
    "Notice",
    "Offer",
    "OfferCall",
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
