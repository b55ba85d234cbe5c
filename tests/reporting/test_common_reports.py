"""One text over several exams: what each order's receiver reads back, who may be in it, and how an exam leaves it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import hl7
import pytest
from django.test import Client

from interfaces.hl7.models import Destination, OutboundMessage
from interfaces.hl7.outbound.preparation import prepare_waiting
from reporting import services
from reporting.models import Report, ReportVersion
from ris.kernel.errors import Conflict
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, TESTER, PatientFactory, make_order, make_user, perform
from tests.reporting.written import by, printed
from tests.worklist.reading import make_reader, other_procedure
from worklist import services as worklist
from worklist.models import ReadingItem

pytestmark = pytest.mark.django_db

TEXT = {"findings": "Head: no bleed.\nSpine: no fracture.", "impression": "No injury."}


def trauma(patient: Any = None, number: int = 2) -> list[ReadingItem]:
    """Orders of a patient, each with an accession number of its own, done and readable."""
    other_procedure("CTSPINE", "neuro", body_region="CSPINE")
    patient = patient or PatientFactory()
    items = []
    for n in range(number):
        order = make_order(at=NOON - timedelta(minutes=30), patient=patient, placer_number=f"ZZP{n}{patient.pk}")
        procedure = order.procedures.get()
        perform(procedure, at=NOON - timedelta(minutes=20))
        items.append(worklist.open_item(procedure.pk, at=NOON))
    return items


def held_by(reader: User, items: list[ReadingItem]) -> list[ReadingItem]:
    for item in items:
        if item.reread().reader_id != reader.pk:
            worklist.claim(item.pk, **by(reader))
    return items


def common(reader: User, number: int = 2) -> tuple[list[ReadingItem], Report]:
    """A common report that is being written."""
    items = held_by(reader, trauma(number=number))
    for other in items[1:]:
        services.cover(items[0].pk, other.pk, **by(reader))
    return items, services.save_draft(items[0].pk, revision=0, sections=TEXT, **by(reader))


def told() -> dict[str, list[Any]]:
    """ORU of the EMR, read by python-hl7: accession (OBR-18) → messages, oldest first."""
    deliver_owed(at=NOON)
    prepare_waiting(at=NOON)
    found: dict[str, list[Any]] = {}
    for owed in OutboundMessage.objects.order_by("pk"):
        message = hl7.parse(bytes(owed.raw).decode())
        found.setdefault(str(message.segment("OBR")[18]), []).append(message)
    return found


def words(message: Any) -> list[str]:
    return [str(line[5]) for line in message.segments("OBX") if str(line[2]) == "TX"]


def test_each_order_gets_its_own_result_of_the_one_text() -> None:
    Destination.objects.create(name="EMR", kinds=["report.final", "report.addendum", "report.corrected"])
    reader = make_reader()
    (head, spine, third), report = common(reader, number=3)
    services.split_off(head.pk, third.pk, **by(reader))
    services.sign(head.pk, revision=report.revision, **by(reader))
    results = told()
    assert set(results) == {head.accession, spine.accession}, "what was split off is not reported"
    for item in (head, spine):
        message, order = results[item.accession][0], item.procedure.order
        assert [str(message.segment("OBR")[n]).split("^")[0] for n in (2, 3)] == [
            order.placer_number,
            order.filler_number,
        ]
        assert (
            str(message.segment("ORC")[3]) == str(message.segment("OBR")[3]) and str(message.segment("OBR")[25]) == "F"
        )
        assert words(message) == ["Head: no bleed.", "Spine: no fracture.", "No injury."]
        assert str(message.segments("OBX")[0][5]) == item.procedure.image_study_uid
        assert item.reread().state == "final" and item.report.state == "final"
    assert third.reread().state == "claimed" and third.report.findings == ""
    other = f"Read together with CT head without contrast ({spine.accession})"
    version = head.report.versions.get()
    assert other in printed(version) and third.accession not in printed(version)

    # An addendum and a correction go to all, from whichever exam they begin; an addendum to one alone is possible.
    services.add_addendum(spine.report.pk, text="Seen by ZZTEST.", **by(reader))
    services.add_addendum(spine.report.pk, text="Spine only.", only=True, **by(reader))
    corrected = {"impression": "No acute injury."}
    revision = Report.objects.get(item=spine).revision
    services.correct(spine.report.pk, revision=revision, sections=corrected, reason="Word", **by(reader))
    results = told()
    assert [words(message)[-1] for message in results[head.accession]][1:] == ["Seen by ZZTEST."] * 2
    assert [words(message)[-1] for message in results[spine.accession]][1:] == [
        "Seen by ZZTEST.", "Spine only.", "Spine only.",
    ]  # fmt: skip
    assert all("No acute injury." in words(results[item.accession][-1]) for item in (head, spine))
    assert all(services.broken_version(row) is None for row in Report.objects.all())
    last = [results[item.accession][-1] for item in (head, spine)]
    assert {str(message.segment("OBR")[25]) for message in last} == {"C"}


def test_nothing_typed_is_lost_and_the_covered_exam_is_written_elsewhere() -> None:
    reader = make_reader()
    head, spine = held_by(reader, trauma())
    services.save_draft(spine.pk, revision=0, sections={"findings": "Its own words."}, **by(reader))
    with pytest.raises(Conflict) as refused:
        services.cover(head.pk, spine.pk, **by(reader))
    assert refused.value.code == "has-words"
    services.save_draft(spine.pk, revision=1, sections={"findings": ""}, **by(reader))
    services.cover(head.pk, spine.pk, **by(reader))
    for act in (
        lambda: services.save_draft(spine.pk, revision=2, sections={"findings": "x"}, **by(reader)),
        lambda: services.sign(spine.pk, revision=2, **by(reader)),
        lambda: services.cover(spine.pk, head.pk, **by(reader)),
    ):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.code == "covered"
    worklist.release(spine.pk, **by(reader))
    assert head.reread().state == "unread", "they are held and given back together"


def test_never_two_patients_and_never_a_case_of_another_reader() -> None:
    reader, colleague = make_reader(most_claims=9), make_reader("colleague")
    (head, spine), (stranger,) = trauma(), trauma(number=1)
    held_by(reader, [head, stranger])
    with pytest.raises(Conflict) as refused:
        services.cover(head.pk, stranger.pk, **by(reader))
    assert refused.value.code == "another-patient"
    held_by(reader, [spine])
    services.cover(head.pk, spine.pk, **by(reader))
    report = services.save_draft(head.pk, revision=0, sections=TEXT, **by(reader))
    # The other exam turns out to be of another patient: before anybody could tell, signing refuses; then it leaves.
    Order.objects.filter(pk=spine.procedure.order_id).update(patient=stranger.procedure.order.patient)
    with pytest.raises(Conflict) as refused:
        services.sign(head.pk, revision=report.revision, **by(reader))
    assert refused.value.code == "another-patient"
    services.split_moved_exams(spine.procedure.order_id, at=NOON)
    services.sign(head.pk, revision=report.revision, **by(reader))
    assert (spine.report.reread().state, spine.report.common_with) == ("draft", None)
    assert not ReportVersion.objects.filter(report=spine.report).exists()
    with pytest.raises(Conflict):
        services.split_off(head.pk, spine.pk, **by(colleague))


@pytest.mark.parametrize("cancelled", [0, 1])
def test_a_cancelled_exam_leaves_and_the_text_goes_on(cancelled: int) -> None:
    reader = make_reader()
    items, _ = common(reader)
    gone, stays = items[cancelled], items[1 - cancelled]
    worklist.cancel_item(gone.procedure_id, at=NOON)
    left = Report.objects.get(item=stays)
    assert (left.findings, left.common_with, gone.report.reread().state) == (TEXT["findings"], None, "cancelled")
    services.sign(stays.pk, revision=left.revision, **by(reader))
    assert ReportVersion.objects.get().report == left


def test_a_resident_and_a_supervisor_pass_all_exams_on_together_and_a_lead_retracts_them() -> None:
    resident, chief = make_reader("resident", role=Role.RESIDENT), make_reader("chief")
    items, report = common(resident)
    services.sign_preliminary(items[0].pk, revision=report.revision, **by(resident))
    assert [item.reread().state for item in items] == ["preliminary"] * 2
    worklist.claim(items[1].pk, **by(chief))
    assert [item.reread().reader for item in items] == [chief] * 2, "who claims one holds them all"
    services.return_report(items[0].pk, reader=chief, note="Level?", actor=TESTER, at=NOON)
    assert [(item.reread().state, item.reserved_for) for item in items] == [("unread", resident)] * 2
    held_by(resident, items)
    report = services.save_draft(items[0].pk, revision=1, sections={"findings": "Spine: C5."}, **by(resident))
    services.sign_preliminary(items[0].pk, revision=report.revision, **by(resident))
    held_by(chief, items)
    services.sign(items[0].pk, revision=report.revision, agreement="agree", **by(chief))
    texts = ReportVersion.objects.filter(kind="final").values_list(
        "findings", "first_author", "agreement", "attestation"
    )
    assert len(texts) == 2 and len(set(texts)) == 1 and texts[0][:3] == ("Spine: C5.", resident.pk, "agree")
    lead = make_user("lead", Role.LEAD, sites=(items[0].site,))
    services.retract(items[1].report.pk, cause="wrong exam", reason="x", only=True, **by(lead))
    assert [Report.objects.get(item=item).state for item in items] == ["final", "draft"]
    assert Report.objects.get(item=items[1]).common_with is None


def test_the_room_and_rest_show_and_change_what_a_text_covers() -> None:
    reader = make_reader()
    head, spine = held_by(reader, trauma())
    worklist.hold_together(head.pk, spine.pk, reader=reader)
    client = Client()
    client.force_login(reader)
    assert "One report for all" in client.get(f"/reading/{head.pk}/").content.decode()
    client.post(f"/reading/{head.pk}/cover/")
    page = client.get(f"/reading/{head.pk}/").content.decode()
    assert "Covered" in page and "Split off" in page
    page = client.get(f"/reading/{spine.pk}/").content.decode()
    assert "covers this exam" in page and '<textarea id="findings"' not in page
    body = {"exam": spine.pk}
    answer = client.post(f"/api/worklist/{head.pk}/report/split-off/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["common_with"]) == (200, None)
    answer = client.post(f"/api/worklist/{head.pk}/report/cover/", body, content_type="application/json")
    assert answer.status_code == 200 and Report.objects.get(item=spine).common_with_id == head.report.pk
    client.force_login(make_reader("colleague"))
    answer = client.post(f"/api/worklist/{head.pk}/report/split-off/", body, content_type="application/json")
    assert answer.status_code == 409
