"""The release to patients on screen: what the reader is told while signing, holding and giving, the policy."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from ris.kernel.values import read_number
from ris.people.http import STATUS, actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .. import selectors as reports
from ..models import Report
from . import services
from .policies import policies, rules_in_force, save_policy
from .policy import KINDS, LEVELS, MOST_RULES, THENS
from .selectors import may_decide, preview_release, release_of

LEVEL_NAMES = ("", "yellow", "orange", "red")
SPARE_ROWS = 2
RULE_FIELDS = ("kind", "modality", "level", "age_from", "age_to", "site", "then", "hours")


@require_safe
@page(Can.READ_CASES)
def preview(request: HttpRequest, item_id: int) -> HttpResponse:
    """When the patient would see the report if it were signed now, and why; for the room. Audited by the room."""
    user = user_of(request)
    report = reports.report_of_item(user, item_id)
    if report is None:
        raise NotFound("No draft of this case was begun yet.")
    asked, at = request.GET.get("critical_level", ""), now()
    decision = preview_release(report, level=asked if asked in LEVEL_NAMES else "", at=at)
    context = {
        "report": report, "decision": decision, "release": release_of(report), "at": at,
        "may_decide": may_decide(user, report),
    }  # fmt: skip
    return render(request, "reporting/release_preview.html", context)


@require_POST
@page(Can.SEE_REPORTS)
def change(request: HttpRequest, report_id: int, how: str) -> HttpResponse:
    """Hold a report back from its patient, let it go, or give it now; back to where it was asked."""
    report = decidable(request, report_id)
    act_on(request, report, how, request.POST.get("reason", ""))
    done = {"hold": "The patient does not see this report.", "let-go": "The policy counts again.",
            "give": "The patient can see this report."}[how]  # fmt: skip
    reads = Can.READ_CASES in permissions_of(user_of(request)) and request.POST.get("from") == "room"
    where = reverse("reporting:room", args=[report.item_id]) if reads else reverse("reporting:result", args=[report_id])
    return go(request, where, done)


def decidable(request: Any, report_id: int) -> Report:
    """A report of whose release the caller may decide. Raises NotFound and Forbidden."""
    user = user_of(request)
    report = reports.report_for(user, report_id)
    if not may_decide(user, report):
        raise Forbidden("Who reads at its site decides about it, or who ordered it.")
    return report


def act_on(request: Any, report: Report, how: str, reason: str) -> None:
    """Take one of the three steps for who asks."""
    said: dict[str, Any] = {"actor": actor_of(request), "at": now()}
    if how == "hold":
        services.hold(report, reason=reason, holder=user_of(request), **said)
    elif how == "give":
        services.give(report, reason=reason, **said)
    else:
        services.let_go(report, **said)


@require_http_methods(["GET", "POST"])
@page(Can.READ_CASES, Can.LEAD_READING, Can.SET_UP, Can.SEE_AUDIT)
def policy(request: HttpRequest) -> HttpResponse:
    """The rules in force and their history; who sets up saves new ones."""
    number, rules = rules_in_force()
    rows: list[dict[str, Any]] = [rule.as_data() for rule in rules]
    status, refusal = 200, None
    if request.method == "POST":
        rows = _typed(request)
        try:
            save_policy([row for row in rows if row["then"]], upon=read_number(request.POST.get("upon"), at="upon"),
                        reason=request.POST.get("reason", ""), editor=user_of(request), actor=actor_of(request),
                        at=now())  # fmt: skip
            return go(
                request, reverse("reporting:release-policy"), "The new policy holds for reports signed from now on."
            )
        except (Invalid, Conflict) as refused:
            status, refusal = STATUS[Conflict if isinstance(refused, Conflict) else Invalid], refused
    may_save = Can.SET_UP in permissions_of(user_of(request))
    if may_save:
        rows = [*rows, *({} for _ in range(SPARE_ROWS))][:MOST_RULES]
    record(actor_of(request), "release.policy-view", user_of(request), at=now())
    context = {"number": number, "rules": rules, "rows": rows, "history": policies()[:20], "refusal": refusal,
               "kinds": KINDS, "levels": LEVELS, "thens": THENS, "sites": Site.objects.all(), "may_save": may_save,
               "reason": request.POST.get("reason", "")}  # fmt: skip
    return render(request, "reporting/release_policy.html", context, status=status)


def _typed(request: HttpRequest) -> list[dict[str, Any]]:
    """The rows of the form, by the order that was typed; rows without an outcome are empty ones."""
    columns = {name: request.POST.getlist(name) for name in (*RULE_FIELDS, "order")}
    length = min(len(column) for column in columns.values())
    rows = [{name: column[n] for name, column in columns.items()} for n in range(min(length, MOST_RULES))]
    return sorted(rows, key=lambda row: int(row["order"]) if row["order"].isascii() and row["order"].isdigit() else 0)
