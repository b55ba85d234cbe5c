from django.urls import path

from . import pages, pages_cases, pages_lead, pages_roster, pages_rules
from .api.urls import api_patterns as api_patterns

app_name = "worklist"

urlpatterns = [
    path("reading/", pages.reading_list, name="list"),
    path("reading/rows/", pages.rows, name="rows"),
    path("reading/next/", pages_cases.next_case, name="next"),
    path("reading/<int:item_id>/peek/", pages.peek, name="peek"),
    path("reading/<int:item_id>/claim/", pages_cases.claim, name="claim"),
    path("reading/<int:item_id>/take-over/", pages_cases.take_over, name="take-over"),
    path("reading/<int:item_id>/release/", pages_cases.release, name="release"),
    path("reading/<int:item_id>/skip/", pages_cases.skip, name="skip"),
    path("reading/<int:item_id>/park/", pages_cases.park, name="park"),
    path("reading/<int:item_id>/resume/", pages_cases.resume, name="resume"),
    path("reading/<int:item_id>/explain/", pages_lead.explained, name="explain"),
    path("reading/offers/", pages_lead.offers, name="offers"),
    path("reading/offers/<int:offer_id>/accept/", pages_lead.accept, name="accept"),
    path("reading/offers/<int:offer_id>/decline/", pages_lead.decline, name="decline"),
    path("reading/presence/", pages_lead.presence, name="presence"),
    path("reading/hand-over/", pages_lead.hand_over, name="hand-over"),
    path("coordinator/", pages_lead.coordinator, name="coordinator"),
    path("coordinator/<int:escalation_id>/acknowledge/", pages_lead.acknowledge, name="acknowledge"),
    path("coverage/", pages_lead.covered, name="coverage"),
    path("roster/", pages_roster.week, name="roster"),
    path("roster/new/", pages_roster.add, name="shift-new"),
    path("roster/<int:shift_id>/", pages_roster.shift, name="shift"),
    path("roster/<int:shift_id>/end/", pages_roster.end, name="shift-end"),
    path("roster/<int:shift_id>/change/", pages_roster.change, name="shift-change"),
    path("roster/<int:shift_id>/undo/<int:change_id>/", pages_roster.undo, name="shift-undo"),
    path("rules/", pages_rules.rules, name="rules"),
    path("rules/draft/", pages_rules.draft, name="rules-draft"),
    path("rules/<int:rule_set_id>/", pages_rules.rule_set, name="rule-set"),
    path("rules/<int:rule_set_id>/put-in-force/", pages_rules.change, {"act": "put-in-force"}, name="put-in-force"),
    path("rules/<int:rule_set_id>/retire/", pages_rules.change, {"act": "retire"}, name="retire"),
]
