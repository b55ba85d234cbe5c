"""A whole report is taken back: who may, what receivers hear, who still reads it, and what comes of the exam."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from interfaces.dicom import states as dicom_states
from interfaces.dicom.models import Archive, ReportRoute, ReportSend
from interfaces.dicom.reports.services import RETRACTED
from interfaces.hl7.models import Destination, OutboundMessage
from interfaces.hl7.outbound.preparation import prepare_waiting
from interfaces.hl7.v2.parser import parse_message
from reporting import selectors, services
from reporting.models import Report, ReportVersion
from reporting.states import LIFE, describe_life
from ris.kernel.errors import Conflict, Forbidden, Invalid
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, make_user
from tests.house.source_tree import ROOT
from tests.racing import race
from tests.reporting.written import NORMAL, by, preliminary, printed, signed
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist

pytestmark = pytest.mark.django_db

WRONG: dict[str, Any] = {"cause": "wrong patient", "reason": "Images of another were read"}


def lead_at(version: ReportVersion) -> User:
    return make_user("lead", Role.LEAD, sites=(version.report.item.site,))


def sent_to_emr() -> list[tuple[str, str, str, set[str], list[str]]]:
    """Kind, ORC-5, OBR-25, OBX-11 and text of each message that the EMR is owed, in order."""
    deliver_owed(at=NOON)
    prepare_waiting(at=NOON)
    rows = []
    for owed in OutboundMessage.objects.order_by("pk"):
        assert (owed.state, owed.error) == ("queued", "")
        found = parse_message(bytes(owed.raw))
        lines = [line for line in found.all("OBX") if line.text(2) == "TX"]
        status = {line.text(11) for line in lines}
        rows.append((owed.kind, found.get("ORC", 5), found.get("OBR", 25), status, [line.text(5) for line in lines]))
    return rows


def test_receivers_are_told_and_the_exam_is_read_again_with_an_empty_draft() -> None:
    Destination.objects.create(name="EMR", kinds=["report.final", "report.retracted"])
    reader = make_reader()
    version = signed(reader)
    report, item = version.report, version.report.item
    gone = services.retract(report.pk, **WRONG, **by(lead_at(version)))
    assert (gone.kind, gone.number, gone.retraction, gone.findings) == ("retracted", 2, "wrong patient", "")
    final, withdrawn = sent_to_emr()
    assert final[:4] == ("report.final", "CM", "F", {"F"})
    assert withdrawn[:4] == ("report.retracted", "IP", "X", {"W"})
    assert len(withdrawn[4]) == 2 and all("Images of another were read" in line for line in withdrawn[4])
    assert "No acute intracranial abnormality." not in str(withdrawn)
    report.refresh_from_db()
    assert (report.state, report.edition, report.findings, report.impression) == ("draft", 2, "", "")
    assert (item.reread().state, item.reader, item.finished_at) == ("unread", None, None)

    worklist.claim(item.pk, **by(reader))
    services.save_draft(
        item.pk, revision=report.revision, sections={"findings": "New.", "impression": "New."}, **by(reader)
    )
    again = services.sign(item.pk, revision=report.revision + 1, **by(reader))
    assert (again.number, again.edition, again.kind) == (3, 2, "final")
    assert [part.findings for part in selectors.versions_of(report)] == [NORMAL["findings"], "", "New."]
    assert sent_to_emr()[-1][2:] == ("F", {"F"}, ["New.", "New."])
    assert services.broken_version(report) is None
    assert "New." in printed(again) and "No acute" not in printed(again)


def test_a_report_of_the_wrong_exam_is_deleted_and_stays_retracted_where_it_is_not_read_again() -> None:
    Destination.objects.create(name="EMR", kinds=["report.retracted"])
    version = signed(make_reader())
    services.retract(version.report_id, cause="wrong exam", reason="x", read_again=False, **by(lead_at(version)))
    assert sent_to_emr()[0][1:4] == ("CM", "X", {"D"})
    report = Report.objects.get()
    assert (report.state, report.item.state, selectors.fhir_status(report)) == (
        "retracted",
        "final",
        "entered-in-error",
    )
    assert "Retracted: do not rely" in printed(report.versions.get(kind="retracted"))
    with pytest.raises(Conflict):
        services.add_addendum(report.pk, text="Late.", **by(version.author))
    with pytest.raises(Conflict):
        services.retract(report.pk, **WRONG, **by(lead_at_again(version)))


def lead_at_again(version: ReportVersion) -> User:
    return make_user("lead-2", Role.LEAD, sites=(version.report.item.site,))


def test_a_preliminary_that_is_retracted_waits_for_no_signer() -> None:
    version = preliminary()
    services.retract(version.report_id, **WRONG, read_again=False, **by(lead_at(version)))
    item = version.report.item.reread()
    assert (item.state, item.preliminary_by) == ("unread", None)


def test_only_a_lead_retracts_with_a_cause_and_a_reason() -> None:
    reader = make_reader()
    version = signed(reader)
    with pytest.raises(Forbidden):
        services.retract(version.report_id, **WRONG, **by(reader))
    lead = lead_at(version)
    for wrong, at in (({"cause": "whim", "reason": "x"}, "cause"), ({"cause": "other", "reason": " "}, "reason")):
        with pytest.raises(Invalid) as refused:
            services.retract(version.report_id, **wrong, **by(lead))
        assert refused.value.at == at
    assert Report.objects.get().state == "final"


def test_what_was_retracted_is_not_shown_to_who_waits_for_the_result() -> None:
    version = signed(make_reader())
    order, lead = version.report.procedure.order, lead_at(version)
    referrer = make_user("referrer", Role.REFERRER, sites=(version.report.item.site,))
    order.referrer = referrer
    order.save()
    client = Client()
    client.force_login(lead)
    body = {**WRONG, "read_again": "1"}
    page = client.post(f"/results/{version.report_id}/retract/", body, follow=True).content.decode()
    assert "Retracted: do not rely" in page and NORMAL["findings"] in page, "readers see what it was"
    client.force_login(referrer)
    page = client.get(f"/results/{version.report_id}/").content.decode()
    assert "Retracted: do not rely" in page and NORMAL["findings"] not in page
    versions = client.get(f"/api/reports/{version.report_id}/versions/").json()
    assert [row["kind"] for row in versions] == ["retracted"]
    answer = client.post(f"/api/reports/{version.report_id}/retract/", WRONG, content_type="application/json")
    assert answer.status_code == 403


def test_an_archive_that_has_the_report_raises_an_alarm_and_gets_its_rejection_only() -> None:
    archive = Archive.objects.create(name="PACS", host="127.0.0.1", port=1, ae_title="PACS")
    ReportRoute.objects.create(archive=archive, sr=True)
    version = signed(make_reader())
    deliver_owed(at=NOON)
    ReportSend.objects.update(state=dicom_states.SENT, sent_at=NOON)
    services.add_addendum(version.report_id, text="More.", **by(version.author))
    deliver_owed(at=NOON)
    services.retract(version.report_id, **WRONG, **by(lead_at(version)))
    deliver_owed(at=NOON)
    sends = ReportSend.objects.order_by("pk").values_list("object__form", "state")
    assert list(sends) == [("SR", "sent"), ("SR", "skipped"), ("KOS", "queued")]
    assert Alarm.objects.get(kind=RETRACTED).subject == f"PACS {version.report.item.accession}"


def test_a_cancelled_exam_cancels_its_draft_which_stands_again_with_the_exam() -> None:
    reader = make_reader()
    item = worklist.claim(make_item().pk, **by(reader))
    services.save_draft(item.pk, revision=0, sections={"findings": "Begun."}, **by(reader))
    worklist.cancel_item(item.procedure_id, at=NOON)
    assert Report.objects.get().state == "cancelled"
    worklist.open_item(item.procedure_id, at=NOON)
    worklist.claim(item.pk, **by(reader))
    assert (Report.objects.get().state, Report.objects.get().findings) == ("draft", "Begun.")


def test_unsigned_drafts_are_listed_for_their_author_and_for_the_lead() -> None:
    author, other = make_reader("author"), make_reader("other")
    item = worklist.claim(make_item().pk, **by(author))
    lead = make_user("lead", Role.LEAD, sites=(item.site,))
    assert item.accession not in shown(author), "an empty draft is none"
    services.save_draft(item.pk, revision=0, sections={"findings": "Begun."}, **by(author))
    worklist.release(item.pk, **by(author))
    assert item.accession in shown(author)
    assert item.accession not in shown(other) and item.accession not in shown(lead)
    assert item.accession in shown(lead, "?whose=all")
    assert "role" in shown(other, "?whose=all")


def shown(user: User, query: str = "") -> str:
    client = Client()
    client.force_login(user)
    return client.get(f"/drafts/{query}").content.decode()


def test_the_life_in_the_documentation_is_that_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("report", "states")
    assert capsys.readouterr().out.strip() == describe_life()
    assert describe_life() in (ROOT / "docs" / "reporting.md").read_text()
    assert len({row.step.name for row in LIFE}) == len(LIFE) == 9


@pytest.mark.django_db(transaction=True)
def test_of_retraction_and_addendum_at_once_no_addendum_follows_the_retraction() -> None:
    version = signed(make_reader())
    lead = lead_at(version)

    def act(n: int) -> ReportVersion:
        if n == 0:
            return services.retract(version.report_id, **WRONG, read_again=False, **by(lead))
        return services.add_addendum(version.report_id, text=f"No. {n}", **by(version.author))

    race(4, act)
    kinds = list(ReportVersion.objects.order_by("number").values_list("kind", flat=True))
    assert kinds.count("retracted") == 1 and kinds[-1] == "retracted"
    assert services.broken_version(Report.objects.get()) is None
