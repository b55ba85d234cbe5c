"""Rules on screen: they read as sentences, say what is wrong with them, and come into force by a hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.kernel.errors import NotFound, Refusal
from ris.kernel.values import id_or_none
from ris.people.http import actor_of, go, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for

from ..models import RuleSet, ScorePolicy
from ..rules.facts import NAMES
from ..rules.language.parser import EFFECTS
from ..rules.language.sentences import sentence
from ..rules.policy import read_policy
from ..selectors.rules_in_force import (
    decides_score,
    policy_in_force,
    require_score_decision,
    visible_rule_sets,
    weeks_since,
)
from ..services.rules_in_force import (
    checked,
    draft_rules,
    put_in_force,
    put_policy_in_force,
    read_yaml,
    retire,
    retire_policy,
    write_yaml,
)

EXAMPLE = """rules:
  - name: Stroke
    when: {modality: CT, region: [HEAD, NECK], reason: {contains: stroke}}
    then: {class: critical, sla: 20}
"""


@require_safe
@page(Can.LEAD_READING)
def list_rule_sets(request: HttpRequest) -> HttpResponse:
    """All versions, those in force first."""
    found = list(visible_rule_sets(user_of(request)).select_related("made_by")[:100])
    found.sort(key=lambda row: (row.state != RuleSet.LIVE, row.state != RuleSet.DRAFT))
    return render(request, "worklist/rules.html", {"rule_sets": found})


@require_safe
@page(Can.LEAD_READING)
def show_rule_set(request: HttpRequest, rule_set_id: int) -> HttpResponse:
    """One version as sentences, with its flaws."""
    row = _row(user_of(request), rule_set_id)
    return render(request, "worklist/rule_set.html", {"row": row, **_read(row.rules), "may": _may(request, row)})


def _read(rules: Any) -> dict[str, Any]:
    """Sentences and flaws; or the refusal, where a rule cannot be read (any more)."""
    try:
        parsed, flaws = checked(rules)
    except Refusal as refusal:
        return {"refusal": refusal}
    by_rule: dict[str, list[Any]] = {}
    for flaw in flaws:
        by_rule.setdefault(flaw.rule, []).append(flaw)
    shown = [{"name": rule.name, "sentence": sentence(rule), "flaws": by_rule.get(rule.name, [])} for rule in parsed]
    return {"said": shown, "flaws": flaws}


def _may(request: HttpRequest, row: RuleSet) -> bool:
    sites = sites_for(user_of(request), Can.LEAD_READING)
    return row.site_id is None or sites.filter(pk=row.site_id).exists()


def _row(user: User, pk: int) -> RuleSet:
    found = visible_rule_sets(user).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such rule set.")
    return found


@require_http_methods(["GET", "POST"])
@page(Can.LEAD_READING)
def draft_rule_set(request: HttpRequest) -> HttpResponse:
    """Write a draft, from nothing or from a version (``?from=``). ``check`` reads it aloud, ``keep`` keeps it."""
    user = user_of(request)
    sites = list(sites_for(user, Can.LEAD_READING))
    origin_id = id_or_none(request.GET.get("from", ""))
    origin = _row(user, origin_id) if origin_id else None
    text = request.POST.get("yaml") or (write_yaml(origin.rules) if origin else EXAMPLE)
    chosen = request.POST.get("site", str(origin.site_id or "") if origin else "")
    context: dict[str, Any] = {"text": text, "sites": sites, "chosen": chosen, "note": request.POST.get("note", ""),
                               "facts": sorted(NAMES), "effects": list(EFFECTS),
                               "try_url": reverse("rule-set-try-out"), "until": timezone.localdate(),
                               "since": timezone.localdate() - timedelta(days=7)}  # fmt: skip
    if request.method != "POST":
        return render(request, "worklist/rules_draft.html", context)
    try:
        read = read_yaml(text)
        if request.POST.get("do") == "keep":
            row = _kept(request, user, read, sites)
            return go(request, reverse("worklist:rule-set", args=[row.pk]), f"Kept as draft {row.number}.")
        context |= _read(read)
    except Refusal as refusal:
        context["refusal"] = refusal
    return render(request, "worklist/rules_draft.html", context, status=400 if "refusal" in context else 200)


def _kept(request: HttpRequest, user: User, read: list[Any], sites: list[Site]) -> RuleSet:
    chosen = request.POST.get("site", "")
    site = next((one for one in sites if str(one.pk) == chosen), None)
    if chosen and site is None:
        raise NotFound("There is no such site of yours.", at="site")
    note = request.POST.get("note", "")
    return draft_rules(read, site=site, note=note, maker=user, actor=actor_of(request), at=now())


@require_POST
@page(Can.LEAD_READING)
def change_rule_set(request: HttpRequest, rule_set_id: int, act: str) -> HttpResponse:
    """Put a draft in force, or retire what is in force."""
    row = _row(user_of(request), rule_set_id)
    if not _may(request, row):
        raise NotFound("There is no such rule set.")
    act_on = put_in_force if act == "put-in-force" else retire
    act_on(row.pk, actor=actor_of(request), at=now())
    shown = "In force from now on." if act == "put-in-force" else "Retired. The presets decide again."
    return go(request, reverse("worklist:rule-set", args=[row.pk]), shown)


@require_safe
@page(Can.LEAD_READING)
def show_policies(request: HttpRequest) -> HttpResponse:
    """The numbers of the score: those in force with what came of them, proposed ones with what is expected of them."""
    at, live = now(), ScorePolicy.objects.filter(state=ScorePolicy.LIVE).first()
    proposed = ScorePolicy.objects.filter(state=ScorePolicy.PROPOSED).order_by("-pk")[:20]
    present = policy_in_force().kept()
    context = {
        "live": live,
        "present": present,
        "proposals": [{"row": row, "changed": _changed_numbers(row, present)} for row in proposed],
        "weeks": list(weeks_since(live.in_force_from, at)) if live and live.in_force_from else [],
        "may": decides_score(user_of(request)),
    }
    return render(request, "worklist/policies.html", context)


def _changed_numbers(row: ScorePolicy, present: dict[str, float]) -> list[dict[str, Any]]:
    values = read_policy(row.values).kept()
    return [
        {"name": name.replace("_", " "), "now": present[name], "then": value}
        for name, value in values.items()
        if value != present[name]
    ]


@require_POST
@page(Can.LEAD_READING)
def change_policy(request: HttpRequest, policy_id: int, act: str) -> HttpResponse:
    """Put proposed numbers in force, or retire those in force."""
    require_score_decision(user_of(request))
    act_on = put_policy_in_force if act == "put-in-force" else retire_policy
    act_on(policy_id, actor=actor_of(request), at=now())
    told = "In force from now on." if act == "put-in-force" else "Retired. The preset numbers count again."
    return go(request, reverse("worklist:policies"), told)
