"""The ladder of a critical finding: it runs from the mark, each rung once and at its moment, until acknowledged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings

from reporting import services
from reporting.critical import services as critical
from reporting.critical.ladder import climb_critical_rungs, contacts_of
from reporting.models import CriticalContact, CriticalFinding, CriticalMessage, Report
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.models import Alarm
from ris.people.models import Practitioner
from ris.people.roles import Role
from tests.factories import NOON, TESTER, SiteFactory, make_user
from tests.racing import race
from tests.reporting.critical.loops import FINDING, MARK, SECRET, after, held_case, marked, outbox, referrer
from tests.reporting.written import by
from tests.worklist.reading import make_reader
from worklist.services import cancel_item

pytestmark = pytest.mark.django_db


def contact(rung: int, way: str = "email", **fields: Any) -> CriticalContact:
    address = {"email": f"rung{rung}@hospital.test", "webhook": "http://127.0.0.1:9/in"}.get(way, "")
    return CriticalContact.objects.create(rung=rung, way=way, address=address, **fields)


def told() -> list[tuple[int, str, str]]:
    return list(CriticalMessage.objects.order_by("pk").values_list("rung", "way", "state"))


def test_the_clock_starts_with_the_mark_in_a_draft_and_each_rung_is_climbed_once_at_its_moment() -> None:
    for rung in (2, 3, 4):
        contact(rung)
    loop = marked(ordered_by=referrer())
    assert (loop.marked_at, loop.due_at, loop.report.state) == (NOON, NOON + timedelta(hours=1), "draft")
    after(2)
    assert not outbox()
    for minutes, addresses in ((3, 1), (3, 1), (19, 1), (20, 2), (40, 3), (54, 4), (70, 4)):
        after(minutes)
        assert len(outbox()) == addresses, minutes
    sent = [message.to[0] for message in outbox()]
    assert sent == ["zzreferrer@hospital.test", *(f"rung{rung}@hospital.test" for rung in (2, 3, 4))]
    words = " ".join(f"{m.subject} {m.body} {m.extra_headers}" for m in outbox())
    loop.refresh_from_db()
    assert loop.rung == 5 and loop.next_rung_at is None
    for private in (SECRET, FINDING, loop.report.item.accession):
        assert private not in words
    alarm = Alarm.objects.get(kind="critical-unacknowledged", cleared_at=None)
    assert (alarm.raised_at, SECRET in alarm.subject + alarm.detail) == (NOON + timedelta(hours=1), False)


def test_missed_rungs_are_climbed_one_by_one_after_a_stop() -> None:
    for rung in (1, 2, 3, 4):
        contact(rung)
    marked()
    after(41)
    assert told() == [(1, "email", "sent"), (2, "email", "sent"), (3, "email", "sent")]


def test_nobody_is_told_after_the_acknowledgement() -> None:
    contact(2)
    loop = marked(ordered_by=referrer())
    after(3)
    critical.acknowledge_finding(loop.pk, by=None, name="Dr ZZCALL", how="record", received_at=NOON, actor=TESTER,
                                 at=NOON)  # fmt: skip
    after(500)
    assert len(outbox()) == 1 and not Alarm.objects.filter(cleared_at=None).exists()
    assert ("shown" in {state for _, _, state in told()}) is False, "the bell is silent, too"
    with pytest.raises(Conflict):
        critical.acknowledge_finding(loop.pk, by=None, name="again", how="record", received_at=NOON, actor=TESTER,
                                     at=NOON)  # fmt: skip


@override_settings(EMAIL_BACKEND="tests.reporting.critical.test_ladder.DeadMail")
def test_a_channel_that_fails_raises_an_alarm_and_the_next_rung_is_climbed_at_once() -> None:
    person = contact(1)
    contact(2, way="webhook")
    contact(3, way="screen", user=make_reader("zzservice"))
    marked()
    for seconds in range(0, 240, 5):
        after(3 + seconds / 60)
    assert told() == [(1, "email", "failed"), (2, "webhook", "failed"), (3, "screen", "shown")]
    subjects = set(Alarm.objects.filter(kind="critical-untold").values_list("subject", flat=True))
    assert subjects == {f"email to {person.address}", "webhook to http://127.0.0.1"}
    loop = CriticalFinding.objects.get()
    assert (loop.rung, loop.next_rung_at) == (3, NOON + timedelta(minutes=54)), "the others come at their moment"


class DeadMail:
    """A mail server that is down."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def send_messages(self, messages: Any) -> int:
        raise ConnectionRefusedError


def test_rungs_without_anybody_are_passed_but_the_limit_comes_when_it_comes() -> None:
    marked()
    after(3)
    loop = CriticalFinding.objects.get()
    assert (loop.rung, loop.next_rung_at) == (4, NOON + timedelta(hours=1))
    assert not Alarm.objects.filter(kind="critical-unacknowledged").exists()


def test_contacts_of_the_practitioner_and_the_site_go_before_everybodys() -> None:
    contact(2, name="everybody")
    contact(2, site=SiteFactory(code="south"), name="south")
    loop = marked()
    order = loop.report.procedure.order
    assert [row.name for row in contacts_of(order, 2)] == ["everybody"]
    person = Practitioner.objects.create(state="active", name="ZZDOC^RITA", created_at=NOON)
    contact(2, practitioner=person, name="hers")
    order.practitioner = person
    assert [row.name for row in contacts_of(order, 2)] == ["hers"]


@pytest.mark.django_db(transaction=True)
def test_of_workers_who_climb_at_once_each_rung_is_climbed_once() -> None:
    contact(1)
    marked()
    race(4, lambda _: climb_critical_rungs(NOON + timedelta(minutes=4)))
    assert (CriticalMessage.objects.count(), CriticalFinding.objects.get().rung) == (1, 1)


def test_a_mark_follows_the_reader() -> None:
    reader = make_reader()
    loop = marked(reader, ordered_by=referrer())
    item = loop.report.item
    services.save_draft(item.pk, revision=1, sections={"critical_level": "orange"}, **by(reader))
    loop.refresh_from_db()
    assert (loop.level, loop.due_at) == ("orange", NOON + timedelta(hours=3)), "the clock runs from the first mark"
    after(10)
    services.save_draft(item.pk, revision=2, sections={"critical_level": "", "critical_finding": ""}, **by(reader))
    after(11)
    loop.refresh_from_db()
    assert loop.state == "withdrawn"
    assert "does not stand" in outbox()[-1].subject and len(outbox()) == 2, "who was told is told so"
    services.save_draft(item.pk, revision=3, sections=MARK, **by(reader))
    assert CriticalFinding.objects.filter(state="open").count() == 1


def test_a_correction_and_a_retraction_reach_who_was_told() -> None:
    lead = make_reader("zzlead")
    loop = marked(lead)
    item, report = loop.report.item, loop.report
    services.sign(item.pk, revision=1, **by(lead))
    said = {"receiver": "Dr ZZCALL", "receiver_role": "ED", "told_at": NOON, "how": "phone", "read_back": True}
    critical.record_communication(report.pk, teller=lead, actor=TESTER, at=NOON, **said)
    assert CriticalFinding.objects.get().state == "acknowledged"
    services.correct(report.pk, revision=1, sections={"critical_finding": "Epidural, not subdural"}, reason="Reread",
                     **by(lead))  # fmt: skip
    new = CriticalFinding.objects.get(state="open")
    assert new.text == "Epidural, not subdural", "another finding is told anew"
    boss = make_user("zzboss", Role.LEAD, sites=(item.site,))
    services.retract(report.pk, cause="wrong patient", reason="Mixed up", **by(boss))
    assert {row.state for row in CriticalFinding.objects.all()} == {"withdrawn"}
    assert Alarm.objects.filter(kind="critical-withdrawn", cleared_at=None).exists(), "a call is taken back by a call"


def test_only_a_direct_way_closes_the_loop_and_nothing_impossible_is_recorded() -> None:
    reader = make_reader()
    loop = marked(reader)
    said = {"receiver": "Dr ZZCALL", "receiver_role": "ED", "told_at": NOON, "how": "message", "read_back": False}
    for wrong in ({"receiver": " "}, {"how": "smoke"}, {"told_at": NOON + timedelta(hours=2)}, {"note": "x" * 501}):
        with pytest.raises(Invalid):
            critical.record_communication(loop.report_id, teller=reader, actor=TESTER, at=NOON, **(said | wrong))
    critical.record_communication(loop.report_id, teller=reader, actor=TESTER, at=NOON, **said)
    assert CriticalFinding.objects.get().state == "open"
    critical.record_communication(loop.report_id, teller=reader, actor=TESTER, at=NOON, **(said | {"how": "phone"}))
    closed = CriticalFinding.objects.get()
    assert (closed.state, closed.acknowledged_name, closed.acknowledged_how) == ("acknowledged", "Dr ZZCALL", "record")


def test_an_addendum_brings_a_loop_of_its_own_and_a_cancelled_exam_ends_it() -> None:
    reader = make_reader()
    item = held_case(reader)
    report = services.save_draft(item.pk, revision=0, sections={"findings": "x", "impression": "y"}, **by(reader))
    version = services.sign(item.pk, revision=report.revision, **by(reader))
    services.add_addendum(version.report_id, text="A nodule.", critical_level="yellow", critical_finding_text="Nodule",
                          **by(reader))  # fmt: skip
    loop = CriticalFinding.objects.get()
    assert (loop.level, loop.due_at, loop.addendum is not None) == ("yellow", NOON + timedelta(days=3), True)
    other = marked(reader)
    cancel_item(other.report.procedure_id, at=NOON)
    other.refresh_from_db()
    assert (other.state, Report.objects.get(pk=other.report_id).state) == ("withdrawn", "cancelled")
