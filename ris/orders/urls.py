"""Addresses of the pages and of the REST interface of orders."""

from django.urls import path

from ris.kernel.api import IdRouter

from .web import pages_board, pages_entry, pages_identity, pages_orders, pages_referrer
from .web.api import OrderViewSet, OwnOrdersView, StepViewSet

app_name = "orders"

router = IdRouter()
router.register("orders", OrderViewSet, basename="order")
router.register("steps", StepViewSet, basename="step")

urlpatterns = [
    path("orders/", pages_orders.order_list, name="list"),
    path("orders/<int:order_id>/", pages_orders.detail, name="detail"),
    path("orders/<int:order_id>/cancel/", pages_orders.cancel, name="cancel"),
    path("orders/<int:order_id>/hold/", pages_orders.hold, name="hold"),
    path("orders/<int:order_id>/release/", pages_orders.release, name="release"),
    path("orders/steps/<int:step_id>/reschedule/", pages_orders.reschedule, name="reschedule"),
    path("orders/mine/", pages_referrer.own_orders, name="own-list"),
    path("orders/mine/<int:order_id>/", pages_referrer.own_order, name="own"),
    path("orders/new/", pages_entry.find, name="find"),
    path("orders/new/matches/", pages_entry.matches, name="matches"),
    path("orders/new/duplicates/", pages_entry.duplicates, name="duplicates"),
    path("orders/new/register/", pages_entry.register, name="register"),
    path("orders/new/procedures/", pages_entry.procedures, name="procedures"),
    path("orders/new/procedures/<int:procedure_id>/", pages_entry.pick, name="pick"),
    path("orders/new/for/<int:patient_id>/", pages_entry.new, name="new"),
    path("patients/<int:patient_id>/", pages_orders.patient, name="patient"),
    path("patients/duplicates/", pages_identity.list_possible_duplicates, name="duplicate-queue"),
    path("patients/duplicates/<int:duplicate_id>/decide/", pages_identity.decide_duplicate, name="decide-duplicate"),
    path("patients/identity/", pages_identity.questions, name="identity"),
    path("patients/identity/<int:question_id>/decide/", pages_identity.decide, name="decide-identity"),
    path("patients/merges/<int:merge_id>/separate/", pages_identity.separate, name="separate"),
    path("patients/merges/<int:merge_id>/give/", pages_identity.give, name="give"),
    path("board/", pages_board.board, name="board"),
    path("board/<int:step_id>/", pages_board.step, name="step"),
    path("board/<int:step_id>/arrive/", pages_board.arrive, name="arrive"),
    path("board/<int:step_id>/undo-arrival/", pages_board.undo_arrival, name="undo-arrival"),
    path("board/<int:step_id>/questions/", pages_board.show_questions, name="questions"),
    path("board/<int:step_id>/start/", pages_board.start, name="start"),
    path("board/<int:step_id>/undo-start/", pages_board.undo_start, name="undo-start"),
    path("board/<int:step_id>/undo-end/", pages_board.undo_end, name="undo-end"),
    path("board/<int:step_id>/complete/", pages_board.complete, name="complete"),
    path("board/<int:step_id>/discontinue/", pages_board.discontinue, name="discontinue"),
]
api_patterns = [path("orders/mine/", OwnOrdersView.as_view(), name="api-own-orders"), *router.urls]
