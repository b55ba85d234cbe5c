"""Why a case stands where it stands and is with whom it is, at any moment, from the decisions that were kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ris.people.models import User
from worklist.models import ClockStart, Decision, Escalation, ReadingItem, Skip
from worklist.rules.eligibility import FILTERS
from worklist.rules.language.sentences import sentence
from worklist.rules.policy import read_policy
from worklist.rules.score import Case, terms

from .lists import visible_items
from .rules_in_force import rules_in_force


def explain(item: ReadingItem, at: datetime, *, viewer: User) -> dict[str, Any]:
    """All that was decided about the item up to a moment: as of then, not as of now.

    Rules that fired (as sentences), score terms at that moment, candidates with their order, who was ruled
    out by what, load, what made it a reader's next case and what else stood before them then (of that, what
    the viewer may see), escalations and refusals. Empty parts: nothing of the kind had happened yet.
    """
    decisions = list(Decision.objects.filter(item=item, at__lte=at).order_by("at", "pk"))
    pricing = next((d for d in reversed(decisions) if d.kind in (Decision.OPENED, Decision.RESCORED)), None)
    assigned = next((d for d in reversed(decisions) if d.kind == Decision.ASSIGNED), None)
    claimed = next((d for d in reversed(decisions) if d.kind == Decision.CLAIMED), None)
    return {
        "item": item.pk,
        "at": at,
        "priced": _priced(item, pricing, at) if pricing else None,
        "assigned": _assigned(assigned) if assigned else None,
        "claimed": _claimed(claimed, viewer) if claimed else None,
        "history": [_history_line(d) for d in decisions],
        "escalations": list(
            Escalation.objects.filter(item=item, at__lte=at).order_by("rung").values("rung", "at", "acknowledged_by")
        ),
        "declined": list(Skip.objects.filter(item=item, at__lte=at).order_by("at").values("reader", "reason", "at")),
    }


def _priced(item: ReadingItem, decision: Decision, at: datetime) -> dict[str, Any]:
    body = decision.body
    kept = body["case"]
    due = datetime.fromisoformat(kept["due"])
    then = _terms(body, at)
    said = {rule.name: sentence(rule) for rule in rules_in_force(item.site_id, decision.at).rules}
    return {
        "at": decision.at,
        "cause": body.get("cause", "opened"),
        "rule_set": decision.rule_set,
        "facts": body["facts"],
        "fired": [{"rule": name, "sentence": said.get(name, name)} for name in body["fired"]],
        "effects": {effect: {"value": value, "rule": rule} for effect, (value, rule) in body["effects"].items()},
        "urgency": body["urgency"],
        "sla_minutes": kept["sla"],
        "due_at": due,
        "clock": _clock(body["clock"]) if "clock" in body else None,
        "ai": body["ai"],
        "terms": {name: round(value, 4) for name, value in then.items()},
        "score": round(sum(then.values()), 4),
    }


def _terms(body: dict[str, Any], at: datetime) -> dict[str, float]:
    """The score's terms at a moment by the policy of then; as they were written where an older score decided."""
    kept = body["case"]
    if "class_points" not in kept:
        return dict(body["terms"])
    case = Case(kept["class_points"], kept["reading"], datetime.fromisoformat(kept["due"]), kept["sla"], kept["points"])
    return terms(case, at, read_policy(body["policy"]))


def _clock(kept: dict[str, Any]) -> dict[str, Any]:
    """Since when the SLA clock ran, by what, and how long it had stood still."""
    what = dict(ClockStart.EVENTS)[kept["event"]]
    return {**kept, "began": datetime.fromisoformat(kept["began"]), "what": what}


def _assigned(decision: Decision) -> dict[str, Any]:
    candidates: list[dict[str, Any]] = decision.body.get("candidates", [])
    out: dict[str, list[int]] = decision.body.get("out", {})
    ids = {row["reader"] for row in candidates}.union(*out.values())
    names = _names(ids | ({decision.reader_id} if decision.reader_id else set()))
    return {
        "at": decision.at,
        "reader": decision.reader_id,
        "reader_name": names.get(decision.reader_id or 0, ""),
        "cause": decision.body.get("cause", ""),
        "candidates": [{**row, "name": names.get(row["reader"], "")} for row in candidates],
        "ruled_out": [
            {
                "reader": pk,
                "name": names.get(pk, ""),
                "by": against.split(","),
                "because": [FILTERS[name][0] for name in against.split(",") if name in FILTERS],
            }
            for against, readers in out.items()
            for pk in readers
        ],
    }


def _claimed(decision: Decision, viewer: User) -> dict[str, Any]:
    """Why it was given to whoever asked for the next case: its score for them at that moment, and the others'."""
    reader, terms = decision.reader_id or 0, decision.body["terms"]
    score = sum(terms.values())
    return {
        "at": decision.at,
        "reader": reader,
        "reader_name": _names({reader}).get(reader, ""),
        "held": decision.body["held"],
        "held_minutes": decision.body.get("minutes"),
        "terms": {name: round(value, 4) for name, value in terms.items()},
        "score": round(score, 4),
        "considered": _considered(decision.body.get("considered", []), score, viewer),
    }


_TAKEN = "another reader was taking it at the same moment"
_LATER = "came after it"
_TOO_CLOSE = "the reader ordered the exam, or is too close to the patient"


def _considered(kept: list[tuple[int, float, str]], score: float, viewer: User) -> list[dict[str, Any]]:
    """The cases that stood there too, highest first: what ruled each out for the reader, or that it came later."""
    seen = dict(visible_items(viewer).filter(pk__in=[pk for pk, _, _ in kept]).values_list("pk", "accession"))
    return [
        {
            "item": pk,
            "accession": seen[pk],
            "score": theirs,
            "by": against,
            "because": _because(against) if against else _TAKEN if theirs > score + 0.001 else _LATER,
        }
        for pk, theirs, against in kept
        if pk in seen
    ]


def _because(against: str) -> str:
    said = _TOO_CLOSE if against == "own order" else FILTERS[against][0]
    return said if said.startswith(("it ", "the reader ")) else f"the reader {said}"


def _names(ids: set[int]) -> dict[int, str]:
    return {user.pk: user.display_name for user in User.objects.filter(pk__in=ids)}


def _history_line(decision: Decision) -> dict[str, Any]:
    body = decision.body
    return {
        "at": decision.at,
        "kind": decision.kind,
        "reader": decision.reader_id,
        "cause": body.get("cause", ""),
        "changes": body.get("changes", {}),
    }
