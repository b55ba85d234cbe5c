"""Texts of boxes, words that found their case in other hands, and drafts of another: who sees them, who decides."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from reporting import services
from reporting.models import DraftHandover, Report, ReportVersion, TextDraft
from reporting.services.versions import seal
from ris.kernel.errors import Conflict, Forbidden, Invalid
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import SiteFactory, make_user
from tests.racing import race
from tests.reporting.written import NORMAL, by, signed
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist
from worklist.models import ReadingItem

pytestmark = pytest.mark.django_db


def text_of(user: User, item: ReadingItem, kind: str = "addendum", version: int = 0, **fields: str) -> TextDraft:
    who = by(user)
    return services.save_text(
        item.pk, kind, author=who["reader"], version=version, fields=fields, actor=who["actor"], at=who["at"]
    )


def handed(one: User, two: User) -> ReadingItem:
    """A case in which ``one`` wrote a draft, and which ``two`` holds now."""
    item = worklist.claim(make_item().pk, **by(one))
    services.save_draft(item.pk, revision=0, sections={"findings": "Words of one."}, **by(one))
    worklist.release(item.pk, **by(one))
    return worklist.claim(item.pk, **by(two))


def test_a_case_has_its_draft_from_the_claim_on() -> None:
    reader = make_reader()
    item = worklist.claim(make_item().pk, **by(reader))
    report = Report.objects.get(item=item)
    assert (report.state, report.revision, report.author) == ("draft", 0, reader)
    assert services.save_draft(item.pk, revision=0, sections=NORMAL, **by(reader)).pk == report.pk
    with pytest.raises(Conflict) as refused:
        services.sign(item.pk, revision=0, **by(reader))
    assert refused.value.code == "stale-draft"


def test_two_windows_never_overwrite_a_text() -> None:
    reader, item = make_reader(), make_item()
    assert text_of(reader, item, text="a").version == 1
    assert text_of(reader, item, version=1, text="b").version == 2
    for version in (0, 1):
        with pytest.raises(Conflict) as refused:
            text_of(reader, item, version=version, text="c")
        assert refused.value.code == "stale-draft"
    assert TextDraft.objects.get().fields == {"text": "b"}


def test_a_text_is_its_authors_alone_and_words_of_a_report_the_holders_too() -> None:
    author, holder = make_reader("author"), make_reader("holder")
    item = worklist.claim(make_item().pk, **by(holder))
    text_of(author, item, text="ZZADDENDUM")
    words = text_of(author, item, "report", findings="ZZWORDS")
    assert text_of(author, item, "report", findings="ZZWORDS").pk == words.pk, "the same words are kept once"
    stranger = make_user("stranger", Role.RADIOLOGIST, sites=(SiteFactory(code="south"),))
    assert seen_by(author, item) == ["addendum", "report"]
    assert seen_by(holder, item) == ["report"]
    assert seen_by(make_reader("other"), item) == [] == seen_by(stranger, item)
    with pytest.raises(Forbidden):
        services.put_text_aside(words.pk, reader=make_reader("nobody"), actor=by(holder)["actor"], at=by(holder)["at"])
    services.put_text_aside(words.pk, reader=holder, actor=by(holder)["actor"], at=by(holder)["at"])
    assert seen_by(author, item) == ["addendum"]
    assert TextDraft.objects.get(pk=words.pk).fields == {"findings": "ZZWORDS"}, "the words stay as a row"


def seen_by(user: User, item: ReadingItem) -> list[str]:
    client = Client()
    client.force_login(user)
    return [row["kind"] for row in client.get(f"/api/texts/?item={item.pk}").json()["results"]]


def test_a_text_that_cannot_be_is_refused_with_its_field() -> None:
    reader, item = make_reader(), make_item()
    refusals = (("poem", "text", "x", "kind"), ("note", "a b\n", "x", "fields"), ("note", "text", "\x00", "text"),
                ("note", "text", "x" * 200_001, "text"))  # fmt: skip
    for kind, name, text, at in refusals:
        with pytest.raises(Invalid) as refused:
            text_of(reader, item, kind, **{name: text})
        assert refused.value.at == at


def test_signing_an_addendum_and_a_correction_closes_their_texts() -> None:
    reader = make_reader()
    version = signed(reader)
    item = version.report.item
    (
        text_of(reader, item, text="Seen."),
        text_of(reader, item, "correction", findings="x"),
        text_of(reader, item, "note"),
    )
    services.add_addendum(version.report_id, text="Seen.", **by(reader))
    assert seen_by(reader, item) == ["correction", "note"]
    revision = Report.objects.get().revision
    services.correct(version.report_id, revision=revision, sections={"impression": "x"}, reason="Side", **by(reader))
    assert seen_by(reader, item) == ["note"]


def test_anothers_words_cannot_be_signed_before_a_decision_and_signing_names_both() -> None:
    one, two = make_reader("one"), make_reader("two")
    item = handed(one, two)
    services.save_draft(item.pk, revision=1, sections={"impression": "Normal."}, **by(two))
    for act in (services.sign, services.sign_preliminary):
        with pytest.raises(Conflict) as refused:
            act(item.pk, revision=2, **by(two))
        assert refused.value.code == "others-draft" and one.display_name in refused.value.detail
    services.decide_handover(item.pk, revision=2, keep=True, **by(two))
    version = services.sign(item.pk, revision=2, **by(two))
    assert version.contributors == [{"role": "draft", "user": one.pk, "name": one.display_name}]
    assert version.shown["revision"] == 2 and "priors" in version.shown
    version.contributors = []
    assert seal(version, "") != version.sha256, "who wrote it is sealed with the text"


def test_words_that_are_set_aside_are_kept_with_the_handover_and_name_nobody() -> None:
    one, two = make_reader("one"), make_reader("two")
    item = handed(one, two)
    report = services.decide_handover(item.pk, revision=1, keep=False, **by(two))
    assert (report.findings, report.revision, report.author) == ("", 2, two)
    assert DraftHandover.objects.get().sections["findings"] == "Words of one."
    services.save_draft(item.pk, revision=2, sections=NORMAL, **by(two))
    assert services.sign(item.pk, revision=3, **by(two)).contributors == []


def test_words_one_has_written_among_are_not_emptied() -> None:
    one, two = make_reader("one"), make_reader("two")
    item = handed(one, two)
    services.save_draft(item.pk, revision=1, sections={"impression": "Mine."}, **by(two))
    with pytest.raises(Conflict) as refused:
        services.decide_handover(item.pk, revision=2, keep=False, **by(two))
    assert refused.value.code == "words-mixed"
    assert Report.objects.get().findings == "Words of one."


def test_a_released_preliminary_is_no_unsigned_draft_but_changes_upon_it_are() -> None:
    resident, one, two = make_reader("resident", role=Role.RESIDENT), make_reader("one"), make_reader("two")
    item = worklist.claim(make_item().pk, **by(resident))
    services.save_draft(item.pk, revision=0, sections=NORMAL, **by(resident))
    services.sign_preliminary(item.pk, revision=1, **by(resident))
    worklist.claim(item.pk, **by(one))
    assert not DraftHandover.objects.exists()
    services.save_draft(item.pk, revision=1, sections={"findings": "Changed by one."}, **by(one))
    worklist.take_over(item.pk, reason="end of shift", **by(two))
    assert DraftHandover.objects.get().from_author == one


def test_a_page_of_one_person_saves_nothing_in_the_session_of_another() -> None:
    one, two = make_reader("one"), make_reader("two")
    item = worklist.claim(make_item().pk, **by(two))
    client = Client(headers={"Accept": "application/json"})
    client.force_login(two)
    for url, sent in (
        (f"/reading/{item.pk}/draft/", {"revision": 0}),
        (f"/reading/{item.pk}/text/note/", {"text": "x"}),
    ):
        answer = client.post(url, sent | {"author": one.pk, "findings": "Of one."})
        assert (answer.status_code, answer.json()["code"]) == (409, "other-person")
    assert Report.objects.get().findings == "" and not TextDraft.objects.exists()
    assert client.get("/texts/session/").json()["user"] == two.pk


def test_the_decision_is_made_over_rest() -> None:
    one, two = make_reader("one"), make_reader("two")
    item = handed(one, two)
    client = Client()
    client.force_login(two)
    waiting: dict[str, Any] = client.get(f"/api/worklist/{item.pk}/report/").json()["handover"]
    assert (waiting["author"], waiting["sections"]["findings"]) == (one.pk, "Words of one.")
    body = {"revision": 1, "keep": True}
    url = f"/api/worklist/{item.pk}/report/handover/"
    answer = client.post(url, body, content_type="application/json")
    assert answer.json()["handover"] == {}
    assert client.post(url, body, content_type="application/json").status_code == 409


@pytest.mark.django_db(transaction=True)
def test_of_8_windows_that_begin_a_text_one_wins() -> None:
    reader, item = make_reader(), make_item()
    outcomes = race(8, lambda n: text_of(reader, item, text=f"window {n}"))
    assert sum(isinstance(outcome, TextDraft) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 7


@pytest.mark.django_db(transaction=True)
def test_what_is_signed_while_the_page_saves_is_one_whole_text() -> None:
    """Autosave against sign: whichever is first, the version holds one of the two texts, and no save follows it."""
    reader = make_reader()
    item = worklist.claim(make_item().pk, **by(reader))
    services.save_draft(item.pk, revision=0, sections={"findings": "old", "impression": "old"}, **by(reader))
    later = {"findings": "new", "impression": "new"}

    def act(n: int) -> Any:
        if n % 2:
            return services.sign(item.pk, revision=1, **by(reader))
        return services.save_draft(item.pk, revision=1, sections=later, **by(reader))

    outcomes = race(6, act)
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    version, report = ReportVersion.objects.first(), Report.objects.get()
    if version is not None:
        assert (version.findings, version.impression, report.findings) == ("old", "old", "old")
    else:
        assert (report.findings, report.impression, report.revision) == ("new", "new", 2)
