"""Addresses of the reading list, the lead's pages, the roster and the rules."""

from django.urls import path

from .api.urls import api_patterns as api_patterns
from .pages import bell, cases, coordinator, lead, reading_list, roster, rules

app_name = "worklist"

urlpatterns = [
    path("reading/", reading_list.reading_list, name="list"),
    path("reading/rows/", reading_list.rows, name="rows"),
    path("reading/views/", reading_list.show_views, name="views"),
    path("reading/views/save/", reading_list.save_view, name="view-save"),
    path("reading/views/<int:view_id>/delete/", reading_list.delete_view, name="view-delete"),
    path("reading/next/", cases.next_case, name="next"),
    path("reading/<int:item_id>/peek/", reading_list.peek, name="peek"),
    path("reading/<int:item_id>/claim/", cases.claim, name="claim"),
    path("reading/<int:item_id>/take-over/", cases.take_over, name="take-over"),
    path("reading/<int:item_id>/release/", cases.release, name="release"),
    path("reading/<int:item_id>/skip/", cases.skip, name="skip"),
    path("reading/<int:item_id>/park/", cases.park, name="park"),
    path("reading/<int:item_id>/resume/", cases.resume, name="resume"),
    path("reading/<int:item_id>/explain/", lead.explain_item, name="explain"),
    path("reading/offers/<int:offer_id>/accept/", lead.accept_offer, name="accept"),
    path("reading/offers/<int:offer_id>/decline/", lead.decline_offer, name="decline"),
    path("bell/", bell.show_bell, name="bell"),
    path("bell/seen/", bell.mark_seen, name="bell-seen"),
    path("reading/presence/", lead.set_presence, name="presence"),
    path("reading/hand-over/", lead.hand_over, name="hand-over"),
    path("coordinator/", coordinator.show_coordinator, name="coordinator"),
    path("coordinator/<int:escalation_id>/acknowledge/", coordinator.acknowledge, name="acknowledge"),
    path("coordinator/cases/<int:item_id>/direct/", coordinator.direct, name="direct"),
    path("coverage/", lead.show_coverage, name="coverage"),
    path("roster/", roster.show_week, name="roster"),
    path("roster/new/", roster.add_shift, name="shift-new"),
    path("roster/<int:shift_id>/", roster.show_shift, name="shift"),
    path("roster/<int:shift_id>/end/", roster.end_shift, name="shift-end"),
    path("roster/<int:shift_id>/change/", roster.change_day, name="shift-change"),
    path("roster/<int:shift_id>/undo/<int:change_id>/", roster.undo_day_change, name="shift-undo"),
    path("rules/", rules.list_rule_sets, name="rules"),
    path("rules/draft/", rules.draft_rule_set, name="rules-draft"),
    path("rules/score/", rules.show_policies, name="policies"),
    path(
        "rules/score/<int:policy_id>/put-in-force/",
        rules.change_policy,
        {"act": "put-in-force"},
        name="policy-in-force",
    ),
    path("rules/score/<int:policy_id>/retire/", rules.change_policy, {"act": "retire"}, name="policy-retire"),
    path("rules/<int:rule_set_id>/", rules.show_rule_set, name="rule-set"),
    path("rules/<int:rule_set_id>/put-in-force/", rules.change_rule_set, {"act": "put-in-force"}, name="put-in-force"),
    path("rules/<int:rule_set_id>/retire/", rules.change_rule_set, {"act": "retire"}, name="retire"),
]
