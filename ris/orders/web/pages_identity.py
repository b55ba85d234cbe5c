"""Who is who, on screen: descriptions that do not fit the patient of their number, and merges that a person undoes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from ris.audit.services import record, record_shown
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.values import id_or_none, read_id
from ris.patients.models import IdentityQuestion, PossibleDuplicate
from ris.patients.selectors_identity import (
    duplicate_for,
    duplicates_for,
    identity_question_for,
    identity_questions_for,
    merge_for,
)
from ris.patients.services import decide_identity, give_visit, keep_apart, merge_duplicate, unmerge_patients
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .. import services

MOST_SHOWN = 50
SEXES = {"F": "Female", "M": "Male", "O": "Other"}


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A question with what was said, in words for the page."""

    question: IdentityQuestion
    said_name: str
    said_birth_date: date | None
    said_sex: str

    @property
    def differs(self) -> dict[str, bool]:
        """Which lines of the comparison do not fit."""
        return {name.replace(" ", "_"): True for name in self.question.differing}


@require_GET
@page(Can.SEPARATE_PATIENTS)
def questions(request: HttpRequest) -> HttpResponse:
    """Who is meant: what is known beside what was said, newest first. ``?show=decided``: those that were decided."""
    user, decided = user_of(request), request.GET.get("show") == "decided"
    rows = [_row(question) for question in identity_questions_for(user, decided=decided)[:MOST_SHOWN]]
    for row in rows:
        patient = row.question.patient
        record(actor_of(request), "patient.view", patient, patient_id=patient.pk, at=now())
    context = {
        "rows": rows,
        "decided": decided,
        "open_count": identity_questions_for(user).count(),
        "sees_messages": Can.SEE_MESSAGES in permissions_of(user),
    }
    return render(request, "orders/identity.html", context)


@require_POST
@page(Can.SEPARATE_PATIENTS)
def decide(request: HttpRequest, question_id: int) -> HttpResponse:
    """Say, with a reason, whether it is the same person. What was held is taken again if it is."""
    question = identity_question_for(user_of(request), question_id)
    outcome = request.POST.get("outcome", "")
    if outcome not in (IdentityQuestion.SAME, IdentityQuestion.ANOTHER):
        raise Invalid("Say whether it is the same person: same or another.", at="outcome")
    same = outcome == IdentityQuestion.SAME
    decide_identity(question.pk, same=same, reason=_read_reason(request), actor=actor_of(request), at=now())
    held = " The message that was held is taken again." if same and question.held else ""
    said = "Noted: the same person." if same else "Noted: another person. Have the sender correct the number."
    return go(request, reverse("orders:identity"), said + held)


@require_GET
@page(Can.SEPARATE_PATIENTS)
def list_possible_duplicates(request: HttpRequest) -> HttpResponse:
    """Two records that may be of one person, side by side. ``?show=decided``: those that were decided."""
    user, decided = user_of(request), request.GET.get("show") == "decided"
    rows = list(duplicates_for(user, decided=decided)[:MOST_SHOWN])
    shown = ((patient, patient.pk) for row in rows for patient in (row.first, row.second))
    record_shown(actor_of(request), "patient.view", shown, at=now())
    context = {"rows": rows, "decided": decided, "open_count": duplicates_for(user).count()}
    return render(request, "orders/duplicate_queue.html", context)


@require_POST
@page(Can.SEPARATE_PATIENTS)
def decide_duplicate(request: HttpRequest, duplicate_id: int) -> HttpResponse:
    """Merge the two into ``survivor``, or keep them apart for good (``outcome`` different), with a reason."""
    row = duplicate_for(user_of(request), duplicate_id)
    actor, at, reason = actor_of(request), now(), _read_reason(request)
    outcome = request.POST.get("outcome", "")
    if outcome == PossibleDuplicate.DIFFERENT:
        keep_apart(row.pk, reason=reason, actor=actor, at=at)
        return go(request, reverse("orders:duplicate-queue"), "Noted: two people. They are not asked about again.")
    if outcome != PossibleDuplicate.MERGED:
        raise Invalid("Say what they are: merged or different.", at="outcome")
    survivor_id = read_id(request.POST.get("survivor", ""), at="survivor")
    keep = merge_duplicate(row.pk, survivor_id=survivor_id, reason=reason, actor=actor, at=at)
    text = "Merged. Numbers, visits and orders have moved; it can be undone on this page."
    return go(request, reverse("orders:patient", args=[keep.pk]), text)


def _row(question: IdentityQuestion) -> QuestionRow:
    said = question.said
    name = ", ".join(filter(None, [said.get("family", "").upper(), said.get("given", "")]))
    born = said.get("birth_date", "")
    return QuestionRow(
        question,
        name or said.get("ideographic", "") or "(no name)",
        date.fromisoformat(born) if born else None,
        SEXES.get(said.get("sex", ""), "Unknown"),
    )


@require_POST
@page(Can.SEPARATE_PATIENTS)
def separate(request: HttpRequest, merge_id: int) -> HttpResponse:
    """Undo a merge, with a reason."""
    merge = merge_for(user_of(request), merge_id)
    unmerge_patients(merge.pk, reason=_read_reason(request), actor=actor_of(request), at=now())
    text = "Separated. What the merge moved goes back; what came since is listed for you to decide on."
    return go(request, reverse("orders:patient", args=[merge.survivor_id]), text)


@require_POST
@page(Can.SEPARATE_PATIENTS)
def give(request: HttpRequest, merge_id: int) -> HttpResponse:
    """Give an order or a visit that came while the two were one to the other of them, with a reason."""
    merge = merge_for(user_of(request), merge_id)
    actor, at, reason = actor_of(request), now(), _read_reason(request)
    order_id, visit_id = (id_or_none(request.POST.get(name, "")) for name in ("order", "visit"))
    if order_id:
        services.give_order(order_id, merge.pk, reason=reason, actor=actor, at=at)
    elif visit_id:
        give_visit(visit_id, merge.pk, reason=reason, actor=actor, at=at)
    else:
        raise Invalid("Say which order or visit.", at="order")
    return go(request, reverse("orders:patient", args=[merge.survivor_id]), "Given to the other patient.")


def _read_reason(request: HttpRequest) -> str:
    # Cut to the length of the column; the services refuse an empty one.
    return request.POST.get("reason", "").strip()[:250]
