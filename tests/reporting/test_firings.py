"""What came of it when a check spoke: kept though the signature is refused, and followed until the words change."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from reporting import services
from reporting.checks import Unanswered
from reporting.models import Firing, Report
from reporting.services.firings import follow_words
from ris.audit.services import Actor
from ris.people.models import User
from tests.factories import NOON
from tests.racing import race
from tests.reporting.written import by
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist

MALE = {"findings": "The prostate is normal. No free fluid.", "impression": "Normal."}
"""Of a woman: the check of the sex speaks of the word."""


class Case:
    """A case that ``reader`` holds and writes."""

    def __init__(self, reader: User, sections: dict[str, str] | None = None) -> None:
        self.reader, self.revision = reader, 0
        self.item = worklist.claim(make_item().pk, **by(reader))
        self.write(**(sections or MALE))

    def _by(self, seconds: int) -> dict[str, Any]:
        at = NOON + timedelta(seconds=seconds)
        return {"reader": self.reader, "actor": Actor.of_user(self.reader), "at": at, "revision": self.revision}

    def write(self, seconds: int = 0, **sections: str) -> None:
        self.revision = services.save_draft(self.item.pk, sections=sections, **self._by(seconds)).revision

    def sign(self, seconds: int = 0, **overrides: str) -> Any:
        return services.sign(self.item.pk, overrides=overrides, **self._by(seconds))

    def refused(self, seconds: int = 0) -> None:
        with pytest.raises(Unanswered):
            self.sign(seconds)


def outcomes() -> list[tuple[str, str]]:
    return [(row.check_name, row.outcome) for row in Firing.objects.order_by("pk")]


@pytest.mark.once
@pytest.mark.parametrize(
    ("after", "where"),
    [
        ("The left knee.", (4, 8)),
        ("Seen: the left knee.", None),
        ("Today. The left knee.", (11, 15)),
        ("The left knee. Normal.", (4, 8)),
        ("Well. The left knee. Normal.", (10, 14)),
        ("The right knee.", None),
        ("", None),
    ],
)
def test_words_are_followed_through_a_change_beside_them(after: str, where: tuple[int, int] | None) -> None:
    found = follow_words("The left knee.", after, 4, 8)
    assert found == where if where else found is None or after[slice(*found)] == "left"


@pytest.mark.once
def test_a_remark_on_a_whole_section_is_answered_by_any_words_but_white_space() -> None:
    assert follow_words("", " \n", 0, 0) == (0, 0)
    assert follow_words("", "Normal.", 0, 0) is None


@pytest.mark.django_db
def test_a_refused_signature_is_kept_without_a_word_and_an_edit_within_a_minute_settles_it() -> None:
    case = Case(make_reader())
    case.refused(0)
    row = Firing.objects.get()
    assert (row.check_name, row.site_id, row.level, row.outcome) == ("sex", case.item.site_id, "warn", "")
    assert (row.section, row.start, row.end, len(row.rules)) == ("findings", 4, 12, 12)
    case.write(10, findings="CT. " + MALE["findings"])
    case.write(20, findings="CT. " + MALE["findings"] + " No air.")
    row.refresh_from_db()
    assert (row.start, row.end, row.outcome) == (8, 16, ""), "moved, and still the same words"
    case.write(60, findings="CT. The uterus is normal.")
    assert outcomes() == [("sex", "edited")]
    case.sign(70)
    assert outcomes() == [("sex", "edited")], "nothing more was said"


@pytest.mark.django_db
def test_what_is_changed_later_than_a_minute_is_not_its_doing() -> None:
    case = Case(make_reader())
    case.refused(0)
    case.write(61, findings="The uterus is normal.")
    assert outcomes() == [("sex", "")]
    case.sign(62)
    assert outcomes() == [("sex", "left")]


@pytest.mark.django_db
def test_what_is_put_right_in_the_other_section_is_edited_too() -> None:
    case = Case(make_reader(), {"findings": "No fracture.", "impression": "Fracture of the skull."})
    case.refused(0)
    (row,) = Firing.objects.all()
    other = {"findings": "impression", "impression": "findings"}[row.section]
    case.write(5, **{other: {"findings": "Fracture of the skull.", "impression": "No fracture."}[other]})
    case.sign(8)
    assert outcomes() == [("negation flip", "edited")]


@pytest.mark.django_db
def test_a_reason_settles_it_whenever_it_comes_and_shown_twice_it_is_one() -> None:
    case = Case(make_reader())
    case.refused(0)
    case.refused(30)
    assert Firing.objects.get().at == NOON + timedelta(seconds=30)
    version = case.sign(600, sex="ZZ seen before")
    row = Firing.objects.get()
    assert (row.outcome, row.override) == ("overridden", version.overrides.get())
    again = Case(case.reader)
    again.sign(0, sex="ZZ at once")
    assert outcomes() == [("sex", "overridden")] * 2, "a reason that came with the signature counts as well"


@pytest.mark.django_db
def test_a_correction_that_is_refused_is_kept_and_settled_by_the_one_that_is_signed() -> None:
    case = Case(make_reader(), {"findings": "Normal.", "impression": "Normal."})
    report_id = case.sign().report_id

    def correct(at: datetime, **sections: str) -> None:
        services.correct(report_id, revision=Report.objects.get().revision, sections=sections, reason="ZZ word",
                         **(by(case.reader) | {"at": at}))  # fmt: skip

    with pytest.raises(Unanswered):
        correct(NOON, findings="The prostate is large.")
    assert outcomes() == [("sex", "")]
    correct(NOON + timedelta(seconds=20), findings="The uterus is large.")
    assert outcomes() == [("sex", "edited")]


@pytest.mark.django_db
def test_a_save_costs_no_statement_more_unless_a_check_spoke_lately() -> None:
    case = Case(make_reader())

    def statements(seconds: int) -> int:
        with CaptureQueriesContext(connection) as seen:
            case.write(seconds, comparison=f"None. {seconds}")
        return len(seen)

    usual = statements(1)
    case.refused(2)
    assert statements(3) > usual
    assert statements(63) == usual


@pytest.mark.django_db(transaction=True)
def test_two_signatures_that_are_refused_at_once_are_one_firing() -> None:
    case = Case(make_reader())
    results = race(2, lambda _: case.sign())
    assert all(isinstance(result, Unanswered) for result in results)
    assert outcomes() == [("sex", "")]


@pytest.mark.django_db
@pytest.mark.parametrize("rest", [False, True])
def test_what_the_screen_and_the_call_refuse_is_kept(rest: bool) -> None:
    case = Case(make_reader())
    client = Client()
    client.force_login(case.reader)
    if rest:
        body = {"revision": case.revision}
        answer = client.post(f"/api/worklist/{case.item.pk}/report/sign/", body, content_type="application/json")
        assert answer.status_code == 400
    else:
        assert client.post(f"/reading/{case.item.pk}/sign/", {"revision": case.revision}).status_code == 422
    assert outcomes() == [("sex", "")]
