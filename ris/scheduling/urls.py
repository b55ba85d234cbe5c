"""Addresses of the pages and of the REST interface of the calendar."""

from django.urls import path

from ris.kernel.api import IdRouter

from .web import pages_calendar, pages_closures, pages_times
from .web.api.openings import BlockViewSet, ClosureViewSet, HoldsView, OpeningHoursViewSet, SlotsView
from .web.api.waiting import CalendarView, CallOffView, WaitingViewSet

app_name = "scheduling"

router = IdRouter()
router.register("opening-hours", OpeningHoursViewSet, basename="opening-hours")
router.register("blocks", BlockViewSet, basename="block")
router.register("waiting", WaitingViewSet, basename="waiting")
router.register("closures", ClosureViewSet, basename="closure")

urlpatterns = [
    path("calendar/", pages_calendar.calendar, name="calendar"),
    path("calendar/events/", pages_calendar.events, name="events"),
    path("calendar/choose/", pages_calendar.choose_time, name="choose-time"),
    path("calendar/hold/", pages_calendar.renew_hold, name="renew-hold"),
    path("calendar/steps/<int:step_id>/", pages_calendar.step, name="step"),
    path("calendar/steps/<int:step_id>/move/", pages_calendar.move, name="move"),
    path("calendar/steps/<int:step_id>/call-off/", pages_calendar.call_off, name="call-off"),
    path("calendar/steps/<int:step_id>/times/", pages_times.times, name="times"),
    path("calendar/steps/<int:step_id>/book/", pages_times.book, name="book"),
    path("calendar/steps/<int:step_id>/wait/", pages_times.enter, name="enter"),
    path("calendar/steps/<int:step_id>/sheet/", pages_times.sheet, name="sheet"),
    path("calendar/waiting/", pages_times.waiting, name="waiting"),
    path("calendar/waiting/<int:waiting_entry_id>/withdraw/", pages_times.withdraw, name="withdraw"),
    path("calendar/waiting/<int:waiting_entry_id>/answer/", pages_times.answer_offer, name="answer-offer"),
    path("calendar/closures/", pages_closures.closures, name="closures"),
    path("calendar/closures/<int:closure_id>/", pages_closures.closure, name="closure"),
    path("calendar/closures/<int:closure_id>/reopen/", pages_closures.reopen, name="reopen"),
]
api_patterns = [
    path("slots/", SlotsView.as_view(), name="api-slots"),
    path("calendar/", CalendarView.as_view(), name="api-calendar"),
    path("appointments/<int:step_id>/call-off/", CallOffView.as_view(), name="api-call-off"),
    path("holds/", HoldsView.as_view(), name="api-holds"),
    *router.urls,
]
