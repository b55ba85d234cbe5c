"""Drafts, preliminary and final reports, addenda: what is kept, and who may."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from reporting import selectors, services
from reporting.models import Report, ReportVersion
from ris.audit.services import Actor
from ris.kernel.errors import Conflict, Forbidden, Invalid
from ris.kernel.models import Record
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_user
from tests.racing import race
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist
from worklist.models import ReadingItem

pytestmark = pytest.mark.django_db

NORMAL = {"findings": "No acute intracranial abnormality.", "impression": "Normal."}


def by(user: User) -> dict[str, object]:
    return {"reader": user, "actor": Actor.of_user(user), "at": NOON}


def claimed(user: User) -> ReadingItem:
    return worklist.claim(make_item().pk, **by(user))


def write(item: ReadingItem, user: User, revision: int = 0, **sections: str) -> Report:
    return services.save_draft(item.pk, revision=revision, sections=sections or NORMAL, **by(user))


def test_a_draft_is_kept_and_extends_the_claim() -> None:
    reader = make_reader()
    item = claimed(reader)
    later = NOON + timedelta(minutes=8)
    report = services.save_draft(
        item.pk, reader=reader, revision=0, sections={"findings": "a"}, actor=Actor.of_user(reader), at=later
    )
    assert (report.state, report.revision, report.findings) == ("draft", 1, "a")
    assert item.reread().lease_until == later + timedelta(minutes=10)


def test_an_older_revision_overwrites_nothing() -> None:
    reader = make_reader()
    item = claimed(reader)
    write(item, reader, 0, findings="first")
    write(item, reader, 1, findings="second")
    with pytest.raises(Conflict) as refused:
        write(item, reader, 1, findings="third")
    assert refused.value.code == "stale-draft"
    assert Report.objects.get().findings == "second"


def test_only_the_holder_can_write() -> None:
    reader, other = make_reader(), make_reader("other")
    item = claimed(reader)
    with pytest.raises(Conflict) as refused:
        write(item, other)
    assert refused.value.code == "not-held"


def test_a_take_over_brings_the_whole_draft() -> None:
    one, two = make_reader("one"), make_reader("two")
    item = claimed(one)
    write(item, one, findings="begun")
    worklist.take_over(item.pk, reason="end of shift", **by(two))
    assert write(item, two, 1, impression="Normal.").findings == "begun"
    with pytest.raises(Conflict):
        write(item, one, 2, findings="mine!")


def test_the_draft_survives_an_expired_lease() -> None:
    reader = make_reader()
    item = claimed(reader)
    write(item, reader, findings="begun")
    worklist.expire_leases(NOON + timedelta(hours=1))
    again = worklist.claim(item.pk, **by(make_reader("two")))
    assert again.report.findings == "begun"


def test_signing_finishes_the_case_and_says_so() -> None:
    reader = make_reader()
    item = claimed(reader)
    write(item, reader)
    version = services.sign(item.pk, revision=1, **by(reader))
    item.reread()
    assert (item.state, item.reader, item.lease_until) == ("final", reader, None)
    assert (version.kind, version.number, version.impression) == ("final", 1, "Normal.")
    fact = Record.objects.get(kind="ReportSigned")
    assert fact.stream == item.accession
    assert fact.body == {
        "report_id": version.report_id,
        "version_id": version.pk,
        "procedure_id": item.procedure_id,
        "order_id": item.procedure.order_id,
    }


def test_when_the_case_cannot_be_finished_nothing_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = make_reader()
    item = claimed(reader)
    write(item, reader)

    def lost(*args: object, **kwargs: object) -> None:
        raise Conflict("taken over meanwhile")

    monkeypatch.setattr(worklist, "finish", lost)
    with pytest.raises(Conflict):
        services.sign(item.pk, revision=1, **by(reader))
    assert Report.objects.get().state == "draft"
    assert not ReportVersion.objects.exists()


def test_what_is_signed_is_what_was_seen() -> None:
    reader = make_reader()
    item = claimed(reader)
    write(item, reader)
    write(item, reader, 1, findings="something else")
    with pytest.raises(Conflict):
        services.sign(item.pk, revision=1, **by(reader))


def test_a_resident_may_not_sign_but_release_a_preliminary_that_waits_for_a_signer() -> None:
    resident, signer = make_reader("resident", role=Role.RESIDENT), make_reader("signer")
    item = claimed(resident)
    write(item, resident)
    with pytest.raises(Forbidden):
        services.sign(item.pk, revision=1, **by(resident))
    services.sign_preliminary(item.pk, revision=1, **by(resident))
    assert item.reread().state == "preliminary"
    worklist.claim(item.pk, **by(signer))
    write(item, signer, 1, impression="Normal for age.")
    version = services.sign(item.pk, revision=2, **by(signer))
    assert (version.number, version.author, version.first_author) == (2, signer, resident)
    assert ReportVersion.objects.get(number=1).impression == "Normal."


def test_a_released_preliminary_goes_back_to_signers_when_it_is_given_up() -> None:
    resident, signer = make_reader("resident", role=Role.RESIDENT), make_reader("signer")
    item = claimed(resident)
    write(item, resident)
    services.sign_preliminary(item.pk, revision=1, **by(resident))
    worklist.claim(item.pk, **by(signer))
    assert worklist.release(item.pk, **by(signer)).state == "preliminary"


def test_an_unfilled_field_or_a_missing_impression_wants_a_reason_that_is_kept() -> None:
    reader = make_reader()
    item = claimed(reader)
    write(item, reader, findings="Left {side} kidney [ ] ***", impression="IMPRESSION:")
    with pytest.raises(Invalid) as refused:
        services.sign(item.pk, revision=1, **by(reader))
    assert refused.value.code == "check:unfilled field"
    reasons = {"unfilled field": "template is being changed", "impression missing": "see findings"}
    version = services.sign(item.pk, revision=1, overrides=reasons, **by(reader))
    assert {row.check_name: row.reason for row in version.overrides.all()} == reasons


def test_an_addendum_leaves_the_final_text_as_it_was() -> None:
    reader = make_reader()
    item = claimed(reader)
    report = write(item, reader)
    with pytest.raises(Conflict):
        services.add_addendum(report.pk, text="too early", **by(reader))
    services.sign(item.pk, revision=1, **by(reader))
    added = services.add_addendum(report.pk, text="Compared with an outside exam.", **by(reader))
    assert (added.number, added.kind, added.addendum) == (2, "addendum", "Compared with an outside exam.")
    assert ReportVersion.objects.get(kind="final").impression == "Normal."
    assert services.broken_version(report) is None


def test_the_database_refuses_to_change_a_version() -> None:
    reader = make_reader()
    item = claimed(reader)
    write(item, reader)
    version = services.sign(item.pk, revision=1, **by(reader))
    with pytest.raises(IntegrityError), transaction.atomic():
        ReportVersion.objects.filter(pk=version.pk).update(impression="Abnormal.")
    with pytest.raises(IntegrityError), transaction.atomic():
        version.delete()


def test_a_referrer_sees_the_reports_of_their_own_orders_once_released() -> None:
    reader, site = make_reader(), SiteFactory()
    mine, other = make_user("mine", Role.REFERRER, sites=(site,)), make_user("other", Role.REFERRER, sites=(site,))
    item = claimed(reader)
    order = item.procedure.order
    order.referrer = mine
    order.save()
    write(item, reader)
    assert not selectors.visible_reports(mine).exists()
    services.sign(item.pk, revision=1, **by(reader))
    assert selectors.visible_reports(mine).exists()
    assert not selectors.visible_reports(other).exists()


def test_the_same_person_cannot_be_both_readers_where_two_are_asked_for() -> None:
    reader = make_reader()
    item = claimed(reader)
    ReadingItem.objects.filter(pk=item.pk).update(second_reader=True)
    write(item, reader)
    with pytest.raises(Conflict) as refused:
        services.sign(item.pk, revision=1, **by(reader))
    assert refused.value.code == "second-reader"


@pytest.mark.django_db(transaction=True)
def test_of_16_who_save_upon_one_revision_one_wins() -> None:
    reader = make_reader()
    item = claimed(reader)
    write(item, reader)
    outcomes = race(16, lambda n: write(item, reader, 1, findings=f"writer {n}"))
    assert sum(isinstance(o, Report) for o in outcomes) == 1
    assert sum(isinstance(o, Conflict) for o in outcomes) == 15


@pytest.mark.django_db(transaction=True)
def test_of_8_who_sign_at_once_one_signs() -> None:
    reader = make_reader()
    item = claimed(reader)
    write(item, reader)
    outcomes = race(8, lambda n: services.sign(item.pk, revision=1, **by(reader)))
    assert sum(isinstance(o, ReportVersion) for o in outcomes) == 1
    assert ReportVersion.objects.filter(kind="final").count() == 1
