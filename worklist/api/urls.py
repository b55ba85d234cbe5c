"""Addresses of the worklist's REST API."""

from django.urls import path

from ris.kernel.api import IdRouter

from .items import ReadingItemViewSet
from .policies import ScorePolicyViewSet
from .roster import HolidayViewSet, ShiftViewSet
from .rules import RuleSetViewSet
from .set_up import (
    AiPerformanceViewSet,
    ClockStartViewSet,
    EscalationRouteViewSet,
    PrivilegeViewSet,
    ReaderProfileViewSet,
    SiteReadingViewSet,
    SkillViewSet,
)
from .urgency import AiResultView, EscalationViewSet, HandOverView, OfferViewSet, PresenceView

router = IdRouter()
router.register("worklist/offers", OfferViewSet, basename="offer")
router.register("worklist/escalations", EscalationViewSet, basename="escalation")
router.register("worklist/ai-performance", AiPerformanceViewSet, basename="ai-performance")
router.register("worklist/clock-starts", ClockStartViewSet, basename="clock-start")
router.register("worklist/escalation-routes", EscalationRouteViewSet, basename="escalation-route")
router.register("worklist/site-readings", SiteReadingViewSet, basename="site-reading")
router.register("worklist", ReadingItemViewSet, basename="reading-item")
router.register("roster/shifts", ShiftViewSet, basename="shift")
router.register("roster/holidays", HolidayViewSet, basename="holiday")
router.register("roster/readers", ReaderProfileViewSet, basename="reader-profile")
router.register("roster/skills", SkillViewSet, basename="skill")
router.register("roster/privileges", PrivilegeViewSet, basename="privilege")
router.register("rules/score", ScorePolicyViewSet, basename="score-policy")
router.register("rules", RuleSetViewSet, basename="rule-set")

api_patterns = [
    path("worklist/ai-results/", AiResultView.as_view(), name="ai-results"),
    path("worklist/hand-over/", HandOverView.as_view(), name="hand-over"),
    path("worklist/presence/", PresenceView.as_view(), name="presence"),
    *router.urls,
]
