"""Peer learning and review: what is mine to score, what colleagues tell me, arbitration, sampling, rates."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.kernel.values import id_or_none, read_id, read_number
from ris.people.http import actor_of, go, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, sites_for
from worklist.selectors.access import colleagues

from ..models import PeerFeedback, PeerReview
from ..selectors import report_for
from . import selectors
from .models import SCORES
from .precision import LEAST_PRECISION, check_figures
from .services import arbitrate, give_feedback, review_prior, sample_reviews, score_review
from .teaching import add_teaching_case, remove_teaching_case, visible_teaching_cases


@require_safe
@page(Can.READ_CASES, Can.LEAD_QUALITY)
def quality(request: HttpRequest) -> HttpResponse:
    """Feedback to the viewer, reviews they were assigned; for leads arbitration, conference, sampling."""
    user, cans = user_of(request), permissions_of(user_of(request))
    leads = Can.LEAD_QUALITY in cans
    context = {
        "feedback": selectors.feedback_to(user)[:100],
        "reviews": selectors.my_reviews(user)[:100] if Can.REVIEW_REPORTS in cans else (),
        "disputed": selectors.disputed_reviews(user)[:100] if leads else (),
        "conference": selectors.conference_list(user)[:100] if leads else (),
        "leads": leads, "sites": sites_for(user, Can.LEAD_QUALITY), "colleagues": colleagues(user) if leads else (),
    }  # fmt: skip
    record(actor_of(request), "quality.list", user, at=now())
    return render(request, "reporting/quality.html", context)


@require_http_methods(["GET", "POST"])
@page(Can.REVIEW_REPORTS)
def review(request: HttpRequest, review_id: int) -> HttpResponse:
    """The text of a report to score, without who wrote it; POST scores it."""
    user = user_of(request)
    row = selectors.review_to_score(user, review_id)
    if request.method == "POST":
        score_review(row.pk, score=request.POST.get("score", ""), note=request.POST.get("note", ""), reviewer=user,
                     actor=actor_of(request), at=now())  # fmt: skip
        return go(request, reverse("reporting:quality"), "Scored. Thank you.")
    return _text_page(request, row)


@require_http_methods(["GET", "POST"])
@page(Can.LEAD_QUALITY)
def arbitration(request: HttpRequest, review_id: int) -> HttpResponse:
    """A disputed review: the text, the score and its note, without who wrote or scored it; POST settles it."""
    user = user_of(request)
    row = selectors.disputed_reviews(user).filter(pk=review_id).first()
    if row is None:
        raise NotFound("There is no such review to settle.")
    if request.method == "POST":
        arbitrate(row.pk, score=request.POST.get("score", ""), note=request.POST.get("note", ""), arbiter=user,
                  actor=actor_of(request), at=now())  # fmt: skip
        return go(request, reverse("reporting:quality"), "Settled.")
    return _text_page(request, row, disputed=True)


def _text_page(request: HttpRequest, row: PeerReview, **more: Any) -> HttpResponse:
    patient_id = row.report.procedure.order.patient_id
    record(actor_of(request), "report.view", row.report, patient_id=patient_id, at=now())
    context = {"review": row, "version": row.reviewed, "procedure": row.report.procedure, "scores": SCORES, **more}
    return render(request, "reporting/quality_review.html", context)


@require_POST
@page(Can.REVIEW_REPORTS)
def take_prior(request: HttpRequest, report_id: int) -> HttpResponse:
    """Review the report of a prior, which one reads anyway."""
    row = review_prior(report_id, reviewer=user_of(request), actor=actor_of(request), at=now())
    return go(request, reverse("reporting:quality-review", args=[row.pk]))


@require_http_methods(["GET", "POST"])
@page(Can.REVIEW_REPORTS)
def feedback(request: HttpRequest, report_id: int) -> HttpResponse:
    """Tell the author of a report something about it; they do not learn from whom."""
    user, at = user_of(request), now()
    report = report_for(user, report_id)
    if request.method == "POST":
        give_feedback(report.pk, kind=request.POST.get("kind", ""), text=request.POST.get("text", ""), giver=user,
                      conference=request.POST.get("conference") == "1", actor=actor_of(request), at=at)  # fmt: skip
        return go(request, reverse("reporting:quality"), "Given. Its author sees it without your name.")
    record(actor_of(request), "report.view", report, patient_id=report.procedure.order.patient_id, at=at)
    context = {"report": report, "procedure": report.procedure, "kinds": PeerFeedback.KINDS}
    return render(request, "reporting/quality_feedback.html", context)


@require_POST
@page(Can.LEAD_QUALITY)
def sample(request: HttpRequest) -> HttpResponse:
    """Assign reports to a reviewer, at random or targeted."""
    user = user_of(request)
    site = sites_for(user, Can.LEAD_QUALITY).filter(pk=id_or_none(request.POST.get("site", "")) or 0).first()
    reviewer = User.objects.filter(pk=read_id(request.POST.get("reviewer", ""), at="reviewer"), is_active=True).first()
    if site is None or reviewer is None:
        raise NotFound("There is no such site or person among yours.")
    rows = sample_reviews(
        site, reviewer, number=read_number(request.POST.get("number", ""), at="number"),
        modality=request.POST.get("modality", "").strip().upper(), targeted=request.POST.get("targeted") == "1",
        by=user, actor=actor_of(request), at=now(),
    )  # fmt: skip
    return go(request, reverse("reporting:quality"), f"{len(rows)} assigned to {reviewer.display_name}.")


@require_safe
@page(Can.LEAD_QUALITY)
def rates(request: HttpRequest) -> HttpResponse:
    """Addenda, corrections, retractions and discrepancies by modality, of reports signed in the last twelve months."""
    user, at = user_of(request), now()
    record(actor_of(request), "quality.rates", user, at=at)
    return render(request, "reporting/quality_rates.html", {"rates": selectors.rates_of(user, at=at)})


@require_safe
@page(Can.LEAD_QUALITY)
def checks(request: HttpRequest) -> HttpResponse:
    """How often the checks before signing were right in the last ninety days, by check and site."""
    user, at = user_of(request), now()
    record(actor_of(request), "quality.checks", user, at=at)
    context = {"figures": check_figures(user, at=at), "least": LEAST_PRECISION}
    return render(request, "reporting/quality_checks.html", context)


@require_http_methods(["GET", "POST"])
@page(Can.READ_CASES)
def teaching(request: HttpRequest) -> HttpResponse:
    """The teaching file, searched by words (``q``); POST puts a report in."""
    user = user_of(request)
    if request.method == "POST":
        add_teaching_case(
            read_id(request.POST.get("report", ""), at="report"), title=request.POST.get("title", ""),
            note=request.POST.get("note", ""), by=user, actor=actor_of(request), at=now(),
        )  # fmt: skip
        return go(request, reverse("reporting:teaching"), "It is in the teaching file.")
    words = request.GET.get("q", "")
    cases = visible_teaching_cases(user, words)[:200]
    leads = bool(sites_for(user, Can.LEAD_QUALITY))
    return render(request, "reporting/teaching.html", {"cases": cases, "words": words, "viewer": user, "leads": leads})


@require_POST
@page(Can.READ_CASES)
def teaching_remove(request: HttpRequest, case_id: int) -> HttpResponse:
    """Take a case out of the teaching file."""
    remove_teaching_case(case_id, by=user_of(request), actor=actor_of(request), at=now())
    return go(request, reverse("reporting:teaching"), "Taken out.")
