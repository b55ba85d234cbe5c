"""What changes reviews and feedback. Audited without the patient: they are no part of a patient's record."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from ris.access.visibility import open_rows
from ris.audit.services import Actor, record
from ris.catalog.models import Site
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require

from .. import states as report_states
from ..models import PeerFeedback, PeerReview, Report, ReportVersion
from ..selectors import OF_REPORT, report_for
from . import states
from .models import ARBITRATED, SCORES

SAMPLED_WITHIN = timedelta(days=90)
MOST_SAMPLED = 50
MOST_CANDIDATES = 2000
MOST_WORDS = 4000


def latest_text(report: Report) -> ReportVersion:
    """The newest signed text. Raises Conflict for a report that is not final."""
    version = (
        report.versions.filter(kind__in=["final", "corrected"], edition=report.edition).order_by("-number").first()
    )
    if version is None or report.state != report_states.FINAL:
        raise Conflict("Only a final report is reviewed.")
    return version


def has_conflict(user: User, report: Report) -> bool:
    """Whether the person had a part in the report: author, first author, contributor, supervisor, or its reader."""
    if user.pk in (report.author_id, report.supervisor_id, report.item.reader_id, report.item.preliminary_by_id):
        return True
    return any(
        user.pk in (row.author_id, row.first_author_id, *(part.get("user") for part in row.contributors))
        for row in report.versions.all()
    )


@transaction.atomic
def sample_reviews(
    site: Site, reviewer: User, *, number: int, modality: str = "", targeted: bool = False, by: User, actor: Actor,
    at: datetime, seed: int | None = None,
) -> list[PeerReview]:  # fmt: skip
    """Assign so many final reports of the last ninety days to a reviewer: drawn at random, or ``targeted`` those with a
    discrepancy or a correction. None that the reviewer had a part in, and none twice.

    For who leads quality at the site. Raises Forbidden, NotFound, Invalid.
    """
    require(by, Can.LEAD_QUALITY, site.pk)
    require(reviewer, Can.REVIEW_REPORTS, site.pk)
    if not 1 <= number <= MOST_SAMPLED:
        raise Invalid(f"From 1 to {MOST_SAMPLED} reports.", at="number")
    rows = Report.objects.filter(
        state=report_states.FINAL, item__site=site, versions__signed_at__gte=at - SAMPLED_WITHIN
    )
    if modality:
        rows = rows.filter(procedure__modality=modality)
    if targeted:
        rows = rows.filter(versions__kind="corrected") | rows.filter(versions__agreement__in=["minor", "major"])
    rows = open_rows(rows, reviewer, **OF_REPORT)
    known = PeerReview.objects.filter(reviewer=reviewer).values("report")
    rows = rows.exclude(pk__in=known).exclude(author=reviewer).distinct().order_by("-pk")
    candidates = list(rows.select_related("item").prefetch_related("versions")[:MOST_CANDIDATES])
    free = [report for report in candidates if not has_conflict(reviewer, report)]
    drawn = random.Random(seed).sample(free, min(number, len(free)))
    source = "targeted" if targeted else "random"
    made = [_assign(report, reviewer, source, at) for report in drawn]
    record(actor, "quality.sample", reviewer, at=at, number=len(made), source=source)
    return made


def _assign(report: Report, reviewer: User, source: str, at: datetime) -> PeerReview:
    return PeerReview.objects.create(
        report=report, reviewed=latest_text(report), reviewer=reviewer, source=source, assigned_at=at,
        state=states.ASSIGNED,
    )  # fmt: skip


@transaction.atomic
def review_prior(report_id: int, *, reviewer: User, actor: Actor, at: datetime) -> PeerReview:
    """Take the report of a prior, which one reads anyway, for review. Raises NotFound, Forbidden, Conflict."""
    report = _reviewable(report_id, reviewer)
    try:
        with transaction.atomic():
            row = _assign(report, reviewer, "prior", at)
    except IntegrityError:
        raise Conflict("You have this report for review already.") from None
    record(actor, "quality.take", row, at=at)
    return row


def _reviewable(report_id: int, reviewer: User) -> Report:
    report = report_for(reviewer, report_id)
    require(reviewer, Can.REVIEW_REPORTS, report.item.site_id)
    if has_conflict(reviewer, report):
        raise Forbidden("Nobody reviews a case that they had a part in.", code="own-case")
    latest_text(report)
    return report


@transaction.atomic
def score_review(review_id: int, *, score: str, note: str, reviewer: User, actor: Actor, at: datetime) -> PeerReview:
    """Score a report that one was assigned. 2b, 3a and 3b go to arbitration and count only after it.

    Raises NotFound for another's; Invalid for a score that is none, or one above 1 without a note; Conflict.
    """
    row = PeerReview.objects.filter(pk=review_id, reviewer=reviewer).select_related("report__item").first()
    if row is None:
        raise NotFound("There is no such review of yours.")
    require(reviewer, Can.REVIEW_REPORTS, row.report.item.site_id)
    _check_score(score, note)
    given = {"score": score, "note": note.strip(), "scored_at": at}
    if score in ARBITRATED:
        row = PeerReview.objects.take(states.DISPUTE, row.pk, **given)
    else:
        row = PeerReview.objects.take(states.SETTLE, row.pk, final_score=score, settled_at=at, **given)
    record(actor, "quality.score", row, at=at)
    return row


def _check_score(score: str, note: str) -> None:
    if score not in dict(SCORES):
        raise Invalid(f"A score is one of: {', '.join(dict(SCORES))}.", at="score")
    if score != "1" and not note.strip():
        raise Invalid("Say what the discrepancy is.", at="note")
    if len(note) > MOST_WORDS:
        raise Invalid(f"More than {MOST_WORDS} characters.", at="note")


@transaction.atomic
def arbitrate(review_id: int, *, score: str, note: str, arbiter: User, actor: Actor, at: datetime) -> PeerReview:
    """Settle a review that is in dispute, whatever the score. Not by its reviewer, nor by who had a part in the case.

    Raises NotFound, Forbidden, Invalid, Conflict.
    """
    row = PeerReview.objects.filter(pk=review_id).select_related("report__item").first()
    if row is None:
        raise NotFound("There is no such review.")
    require(arbiter, Can.LEAD_QUALITY, row.report.item.site_id)
    if row.reviewer_id == arbiter.pk or has_conflict(arbiter, row.report):
        raise Forbidden("Another leader arbitrates: you reviewed this case or had a part in it.", code="own-case")
    _check_score(score, note)
    row = PeerReview.objects.take(
        states.ARBITRATE, review_id, arbiter=arbiter, arbiter_note=note.strip(), final_score=score, settled_at=at
    )
    record(actor, "quality.arbitrate", row, at=at)
    return row


@transaction.atomic
def give_feedback(
    report_id: int, *, kind: str, text: str, conference: bool = False, giver: User, actor: Actor, at: datetime
) -> PeerFeedback:
    """Tell the author of a report something about it, without a score; they do not learn from whom.

    Raises NotFound; Forbidden for a case that one had a part in; Invalid, Conflict.
    """
    report = _reviewable(report_id, giver)
    if kind not in dict(PeerFeedback.KINDS):
        raise Invalid(f"Feedback is one of: {', '.join(dict(PeerFeedback.KINDS))}.", at="kind")
    if not text.strip():
        raise Invalid("Write what is worth knowing.", at="text")
    if len(text) > MOST_WORDS:
        raise Invalid(f"More than {MOST_WORDS} characters.", at="text")
    version = latest_text(report)
    row = PeerFeedback.objects.create(
        report=report, version=version, giver=giver, receiver_id=version.first_author_id or version.author_id,
        kind=kind, text=text.strip(), conference=conference, given_at=at,
    )  # fmt: skip
    record(actor, "quality.feedback", row, at=at)
    return row
