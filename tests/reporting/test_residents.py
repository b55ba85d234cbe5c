"""A trainee's report: its supervisor, its return, what the signer attests, and who is told of a discrepancy."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from interfaces.hl7.models import Destination, OutboundMessage
from interfaces.hl7.outbound.preparation import prepare_waiting
from interfaces.hl7.v2.parser import parse_message
from reporting import services
from reporting.models import AttestationText, DiscrepancyNotice, Report, ReportVersion
from reporting.services.versions import seal
from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Forbidden, Invalid
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, make_user
from tests.reporting.written import NORMAL, by, printed
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist
from worklist.models import ReadingItem

pytestmark = pytest.mark.django_db


def trainee_of(item: ReadingItem) -> User:
    resident = make_reader("zztrainee", role=Role.RESIDENT)
    worklist.claim(item.pk, **by(resident))
    services.save_draft(item.pk, revision=0, sections=NORMAL, **by(resident))
    return resident


def test_the_case_is_kept_for_the_supervisor_whom_the_trainee_chose() -> None:
    item, chosen, other = make_item(), make_reader("chosen"), make_reader("other")
    resident = trainee_of(item)
    with pytest.raises(Invalid) as refused:
        services.sign_preliminary(item.pk, revision=1, supervisor=resident, **by(resident))
    assert refused.value.at == "supervisor"
    client = Client(headers={"Accept": "application/json"})
    client.force_login(resident)
    sent = {"revision": 1, "supervisor": chosen.pk}
    assert client.post(f"/reading/{item.pk}/preliminary/", sent).status_code == 200
    assert (item.reread().reserved_for, Report.objects.get().supervisor) == (chosen, chosen)
    assert worklist.next_case(other, actor=Actor.of_user(other), at=NOON) is None
    taken = worklist.next_case(chosen, actor=Actor.of_user(chosen), at=NOON)
    assert taken is not None and taken.pk == item.pk


def test_a_returned_report_waits_for_its_author_and_comes_back_to_its_supervisor() -> None:
    item, supervisor = make_item(), make_reader("supervisor")
    resident = trainee_of(item)
    services.sign_preliminary(item.pk, revision=1, **by(resident))
    worklist.claim(item.pk, **by(supervisor))
    for note in ("", "x" * 501):
        with pytest.raises(Invalid):
            services.return_report(item.pk, note=note, **by(supervisor))
    services.return_report(item.pk, note="Measure the node", **by(supervisor))
    assert (item.reread().state, item.reserved_for, item.preliminary_by) == ("unread", resident, None)
    assert Report.objects.get().state == "returned"
    assert ReportVersion.objects.count() == 1, "what was released stays released"
    assert worklist.next_case(supervisor, actor=Actor.of_user(supervisor), at=NOON) is None

    worklist.claim(item.pk, **by(resident))
    client = Client()
    client.force_login(resident)
    page = client.get(f"/reading/{item.pk}/").content.decode()
    assert "Measure the node" in page and "returned this report" in page
    services.save_draft(item.pk, revision=1, sections={"findings": "A node of 8 mm."}, **by(resident))
    services.sign_preliminary(item.pk, revision=2, **by(resident))
    assert (item.reread().state, item.reserved_for, item.preliminary_by) == ("preliminary", supervisor, resident)
    worklist.claim(item.pk, **by(supervisor))
    version = services.sign(item.pk, revision=2, agreement="agree", **by(supervisor))
    assert (version.number, version.first_author, version.findings) == (3, resident, "A node of 8 mm.")


def test_nobody_returns_what_is_their_own_or_what_they_do_not_hold() -> None:
    item, supervisor = make_item(), make_reader("supervisor")
    resident = trainee_of(item)
    with pytest.raises(Forbidden):
        services.return_report(item.pk, note="x", **by(resident))
    services.sign_preliminary(item.pk, revision=1, **by(resident))
    with pytest.raises(Conflict):
        services.return_report(item.pk, note="x", **by(supervisor))
    own = make_item()
    worklist.claim(own.pk, **by(supervisor))
    services.save_draft(own.pk, revision=0, sections=NORMAL, **by(supervisor))
    with pytest.raises(Conflict) as refused:
        services.return_report(own.pk, note="x", **by(supervisor))
    assert refused.value.code == "no-preliminary"


def signed_over(agreement: str, **order: Any) -> ReportVersion:
    item, supervisor = make_item(**order), make_reader("supervisor")
    resident = trainee_of(item)
    services.sign_preliminary(item.pk, revision=1, **by(resident))
    worklist.claim(item.pk, **by(supervisor))
    return services.sign(item.pk, revision=1, agreement=agreement, agreement_note="A cyst.", **by(supervisor))


def test_the_attestation_is_the_sites_and_is_frozen_into_the_version() -> None:
    AttestationText.objects.create(agreement="minor", text="{signer} changed what {trainee} wrote, {time}.")
    AttestationText.objects.create(text="Any.")
    version = signed_over("minor")
    signer, first = version.author.display_name, version.first_author
    assert first is not None
    assert version.attestation.startswith(f"{signer} changed what {first.display_name} wrote, 2026-")
    assert "changed what" in printed(version)
    AttestationText.objects.all().delete()
    stored = ReportVersion.objects.get(pk=version.pk)
    before = ReportVersion.objects.get(number=1)
    assert seal(stored, before.sha256) == stored.sha256
    stored.attestation = "Other words."
    assert seal(stored, before.sha256) != stored.sha256


def test_receivers_are_told_of_the_signer_and_of_the_trainee() -> None:
    Destination.objects.create(name="EMR", kinds=["report.final"])
    signed_over("agree")
    deliver_owed(at=NOON)
    prepare_waiting(at=NOON)
    obr = parse_message(bytes(OutboundMessage.objects.get().raw)).first("OBR")
    assert (obr.text(32, 1, 2), obr.text(33, 1, 2)) == ("supervisor", "zztrainee")


def test_a_discrepancy_is_told_to_who_may_have_acted_on_the_preliminary() -> None:
    item, supervisor = make_item(ordering_provider="ZZDOC^RITA"), make_reader("supervisor")
    resident = trainee_of(item)
    nurse, late = make_user("viewer", Role.RADIOLOGIST, sites=(item.site,)), make_user("late", Role.RADIOLOGIST)
    services.sign_preliminary(item.pk, revision=1, **by(resident))
    report = Report.objects.get()
    record(Actor.of_user(nurse), "report.view", report, patient_id=item.procedure.order.patient_id, at=NOON)
    worklist.claim(item.pk, **by(supervisor))
    services.sign(item.pk, revision=1, agreement="major", agreement_note="Missed a bleed.", **by(supervisor))
    told = {row.recipient or row.provider: row.grade for row in DiscrepancyNotice.objects.all()}
    assert told == {resident: "major", nurse: "major", "ZZDOC^RITA": "major"}
    assert late not in told

    client = Client()
    client.force_login(nurse)
    assert "Missed a bleed." in client.get("/results/discrepancies/").content.decode()
    rows = client.get("/api/discrepancies/").json()["results"]
    own = next(row for row in rows if row["recipient"] == nurse.pk)
    assert client.post(f"/api/discrepancies/{own['id']}/acknowledge/").json()["acknowledged_at"]
    with pytest.raises(Conflict):
        services.acknowledge_notice(own["id"], reader=nurse, actor=Actor.of_user(nurse), at=NOON)
    theirs = DiscrepancyNotice.objects.get(recipient=resident)
    with pytest.raises(Forbidden):
        services.acknowledge_notice(theirs.pk, reader=nurse, actor=Actor.of_user(nurse), at=NOON)


def test_agreement_is_told_to_nobody() -> None:
    signed_over("agree")
    assert not DiscrepancyNotice.objects.exists()
