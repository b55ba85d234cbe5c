"""Peer review and feedback: blinded both ways, nobody's own case, arbitration, and nothing of it beside the patient."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from reporting import services
from reporting.models import PeerFeedback, PeerReview, Report, TeachingCase
from reporting.quality.selectors import disputed_reviews, rates_of
from reporting.quality.services import arbitrate, give_feedback, review_prior, sample_reviews, score_review
from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, TESTER, SiteFactory, make_user
from tests.reporting.written import by, signed
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db

WORDS = "ZZPRIVILEGED: the nodule was there"


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def lead(name: str = "zzlead", site: Site | None = None) -> User:
    return make_user(name, Role.LEAD, sites=(site or SiteFactory(),))


def drawn(reviewer: User, boss: User, **how: Any) -> list[PeerReview]:
    given = {"number": 5, "by": boss, "actor": TESTER, "at": NOON + timedelta(hours=1)}
    return sample_reviews(SiteFactory(), reviewer, **(given | how))


def test_reports_are_drawn_that_the_reviewer_had_no_part_in_and_none_twice() -> None:
    author, reviewer, boss = make_reader("zzauthor", most_claims=9), make_reader("zzreviewer", most_claims=9), lead()
    theirs = [signed(author).report_id for _ in range(3)]
    own = signed(reviewer).report_id
    rows = drawn(reviewer, boss, number=2)
    assert len(rows) == 2 and {row.report_id for row in rows} < set(theirs)
    assert len(drawn(reviewer, boss)) == 1 and drawn(reviewer, boss) == []
    assert own not in PeerReview.objects.values_list("report", flat=True)
    assert drawn(author, boss, targeted=True) == [], "nothing is discrepant"
    with pytest.raises(Forbidden):
        drawn(make_reader("zzresident", role=Role.RESIDENT), boss)
    with pytest.raises(Forbidden):
        sample_reviews(SiteFactory(), reviewer, number=1, by=author, actor=TESTER, at=NOON)
    with pytest.raises(Invalid):
        drawn(reviewer, boss, number=51)


def test_the_reviewer_does_not_see_the_author_and_a_2b_waits_for_another_leader() -> None:
    author, reviewer, boss = make_reader("zzauthor"), make_reader("zzreviewer"), lead()
    report_id = signed(author).report_id
    (row,) = drawn(reviewer, boss)
    page = browser_of(reviewer).get(f"/quality/reviews/{row.pk}/").content.decode()
    assert "No acute intracranial abnormality." in page and "zzauthor" not in page
    stranger = make_reader("zzother")
    assert browser_of(stranger).get(f"/quality/reviews/{row.pk}/").status_code == 404
    with pytest.raises(NotFound):
        score_review(row.pk, score="1", note="", reviewer=stranger, actor=TESTER, at=NOON)
    for wrong in ({"score": "4", "note": "x"}, {"score": "2b", "note": " "}):
        with pytest.raises(Invalid):
            score_review(row.pk, reviewer=reviewer, actor=TESTER, at=NOON, **wrong)
    done = browser_of(reviewer).post(f"/quality/reviews/{row.pk}/", {"score": "2b", "note": WORDS})
    assert done.status_code == 302
    row.refresh_from_db()
    assert (row.state, row.score, row.final_score) == ("arbitration", "2b", "")
    with pytest.raises(NotFound):
        arbitrate(row.pk, score="1", note="", arbiter=lead("zzsouth", SiteFactory(code="south")), actor=TESTER, at=NOON)
    page = browser_of(boss).get(f"/quality/arbitration/{row.pk}/").content.decode()
    assert WORDS in page and "zzauthor" not in page and "zzreviewer" not in page
    assert browser_of(boss).post(f"/quality/arbitration/{row.pk}/", {"score": "2a", "note": "Minor"}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.score, row.final_score, row.arbiter) == ("settled", "2b", "2a", boss)
    assert not disputed_reviews(boss).exists()
    with pytest.raises(Conflict):
        arbitrate(row.pk, score="1", note="", arbiter=boss, actor=TESTER, at=NOON)
    nothing_beside_the_patient(report_id, author)


def nothing_beside_the_patient(report_id: int, author: User) -> None:
    """Neither the result page, the API, messages, FHIR nor the patient's access report says a word of it."""
    deliver_owed(at=NOON + timedelta(hours=2))
    report = Report.objects.get(pk=report_id)
    patient_id = report.procedure.order.patient_id
    client = browser_of(author)
    for path in (f"/results/{report_id}/", f"/api/reports/{report_id}/", f"/api/reports/{report_id}/versions/",
                 f"/reading/{report.item_id}/", f"/fhir/R4/DiagnosticReport?patient={patient_id}"):  # fmt: skip
        assert "ZZPRIVILEGED" not in client.get(path).content.decode(), path
    about = AuditEvent.objects.filter(patient_id=patient_id).values_list("action", flat=True)
    assert not [action for action in about if action.startswith("quality.")]
    assert AuditEvent.objects.filter(action__startswith="quality.").exists()


def test_feedback_reaches_the_author_without_a_name_and_nobody_else() -> None:
    author, giver, boss = make_reader("zzauthor"), make_reader("zzgiver"), lead()
    report_id = signed(author).report_id
    sent = {"kind": "learning", "text": WORDS, "conference": "1"}
    assert browser_of(author).post(f"/results/{report_id}/feedback/", sent).status_code == 403, "one's own case"
    assert browser_of(giver).post(f"/results/{report_id}/feedback/", sent).status_code == 302
    page = browser_of(author).get("/quality/").content.decode()
    assert WORDS in page and "zzgiver" not in page
    assert WORDS not in browser_of(make_reader("zzother")).get("/quality/").content.decode()
    conference = browser_of(boss).get("/quality/").content.decode()
    assert WORDS in conference
    assert "zzgiver" not in conference.split("<form")[0] and "zzauthor" not in conference.split("Draw reports")[0]
    for wrong in ({"kind": "praise", "text": "x"}, {"kind": "learning", "text": " "}):
        with pytest.raises(Invalid):
            give_feedback(report_id, giver=giver, actor=TESTER, at=NOON, **wrong)
    assert PeerFeedback.objects.get().receiver == author
    nothing_beside_the_patient(report_id, author)
    referrer = make_user("zzreferrer", Role.REFERRER, sites=(SiteFactory(),))
    for path in ("/quality/", "/quality/rates/", f"/results/{report_id}/feedback/"):
        assert browser_of(referrer).get(path).status_code == 403


def test_the_prior_that_one_reads_is_reviewed_from_the_room_once() -> None:
    author, reviewer = make_reader("zzauthor"), make_reader("zzreviewer")
    report_id = signed(author).report_id
    assert "Review" in browser_of(reviewer).get(f"/results/{report_id}/prior/").content.decode()
    taken = browser_of(reviewer).post(f"/results/{report_id}/review/")
    row = PeerReview.objects.get()
    assert taken["Location"] == f"/quality/reviews/{row.pk}/" and row.source == "prior"
    with pytest.raises(Conflict):
        review_prior(report_id, reviewer=reviewer, actor=TESTER, at=NOON)
    with pytest.raises(Forbidden):
        review_prior(report_id, reviewer=author, actor=TESTER, at=NOON)


def test_the_same_over_rest() -> None:
    author, reviewer, boss = make_reader("zzauthor"), make_reader("zzreviewer"), lead()
    report_id = signed(author).report_id

    def call(user: User, path: str, **body: Any) -> Any:
        return browser_of(user).post(f"/api/{path}/", body, content_type="application/json")

    site = SiteFactory().pk
    assert call(reviewer, "peer-reviews/sample", site=site, reviewer=reviewer.pk, number=1).status_code == 403
    assert Report.objects.get(pk=report_id).state == "final"
    (row,) = sample_reviews(SiteFactory(), reviewer, number=1, by=boss, actor=TESTER, at=NOON)
    assert call(boss, "peer-reviews/sample", site=site, reviewer=reviewer.pk, number=1).json() == [], "none is left"
    listed = browser_of(reviewer).get("/api/peer-reviews/").json()["results"]
    assert [one["id"] for one in listed] == [row.pk] and "zzauthor" not in str(listed)
    assert browser_of(author).get("/api/peer-reviews/").json()["results"] == []
    assert call(author, f"peer-reviews/{row.pk}/score", score="1").status_code == 404
    assert call(reviewer, f"peer-reviews/{row.pk}/score", score="3b", note=WORDS).json()["state"] == "arbitration"
    assert call(reviewer, f"peer-reviews/{row.pk}/arbitrate", score="1").status_code == 403
    assert call(boss, f"peer-reviews/{row.pk}/arbitrate", score="1").json()["final_score"] == "1"
    assert call(author, "peer-feedback", report=report_id, kind="learning", text="x").status_code == 403
    assert call(reviewer, "peer-feedback", report=report_id, kind="learning", text=WORDS).status_code == 201
    (told,) = browser_of(author).get("/api/peer-feedback/").json()["results"]
    assert told["text"] == WORDS and "giver" not in told
    assert browser_of(author).get("/api/quality-rates/").status_code == 403


def test_the_teaching_file_is_found_by_words_at_ones_own_sites() -> None:
    author, other, boss = make_reader("zzauthor"), make_reader("zzother"), lead()
    report_id = signed(author).report_id
    sent = {"report": report_id, "title": "Classic sign", "note": "Look at the edge"}
    assert browser_of(author).post("/teaching/", sent).status_code == 302
    assert browser_of(author).post("/teaching/", sent).status_code == 409
    assert browser_of(author).post("/teaching/", sent | {"title": " "}).status_code == 400
    page = browser_of(other).get("/teaching/?q=edge+classic").content.decode()
    assert "Classic sign" in page and "Take out" not in page and "ZZTEST" not in page
    assert "Classic sign" not in browser_of(other).get("/teaching/?q=nothing").content.decode()
    south = make_reader("zzsouth", sites=(SiteFactory(code="south"),))
    assert "Classic sign" not in browser_of(south).get("/teaching/").content.decode()
    case = TeachingCase.objects.get()
    for user, status in ((south, 404), (other, 403), (boss, 302)):
        assert browser_of(user).post(f"/teaching/{case.pk}/remove/").status_code == status
    assert not TeachingCase.objects.exists()
    body = {"report": report_id, "title": "Classic sign"}
    assert browser_of(south).post("/api/teaching-cases/", body, content_type="application/json").status_code == 404
    row = browser_of(other).post("/api/teaching-cases/", body, content_type="application/json").json()
    assert browser_of(author).get("/api/teaching-cases/").json()["results"] == [row]
    assert browser_of(author).delete(f"/api/teaching-cases/{row['id']}/").status_code == 403
    assert browser_of(other).delete(f"/api/teaching-cases/{row['id']}/").status_code == 204


def test_rates_count_reports_once() -> None:
    author, boss = make_reader("zzauthor", most_claims=9), lead()
    versions = [signed(author) for _ in range(3)]
    for _ in range(2):
        services.add_addendum(versions[0].report_id, text="More.", **by(author))
    services.correct(
        versions[1].report_id, revision=1, sections={"impression": "Otherwise."}, reason="Side", **by(author)
    )
    services.retract(versions[2].report_id, cause="wrong exam", reason="Mixed up", **by(boss))
    (row,) = rates_of(boss, at=NOON + timedelta(days=1))
    assert (row.modality, row.signed, row.addenda, row.corrected, row.retracted, row.compared) == ("CT", 3, 1, 1, 1, 0)
    assert rates_of(lead("zzsouth", SiteFactory(code="south")), at=NOON) == []
    assert "CT" in browser_of(boss).get("/quality/rates/").content.decode()
