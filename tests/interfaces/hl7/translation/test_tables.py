from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from interfaces.hl7.models import InboundMessage, MapEntry, Peer
from interfaces.hl7.operations.conformance_statement import write_statement
from interfaces.hl7.operations.retention import delete_messages
from interfaces.hl7.translation.table_entries import drop_entry, export_csv, import_csv, set_entry
from ris.audit.models import AuditEvent
from ris.kernel.errors import Invalid
from ris.orders.models import Order, ScheduledStep
from ris.orders.services import start_by_hand
from tests.factories import TESTER
from tests.interfaces.hl7.hl7 import NOON, message, msh, obr, orc, order, pid, take

pytestmark = pytest.mark.django_db
WHO = {"actor": TESTER, "at": NOON}


@pytest.fixture
def peer(hospital):
    return Peer.objects.create(application="EMR", facility="NORTH", name="EMR")


def test_a_change_of_a_table_counts_for_the_very_next_message(peer):
    code = obr(code="LOCAL1^Kopf^X")
    take(message(msh("ORM^O01"), pid(), orc(placer="P1"), code))
    set_entry(peer.pk, table="procedure", given="local1", meant="CTHEADWO", **WHO)
    take(message(msh("ORM^O01"), pid(), orc(placer="P2"), code))
    assert list(Order.objects.order_by("pk").values_list("procedures__code", "flags")) == [
        ("LOCAL1", ["unknown procedure"]), ("CTHEADWO", []),
    ]  # fmt: skip


@pytest.mark.parametrize("head", ["table,given,meant,text\n", ""], ids=["row", "head"])
def test_a_cell_too_long_for_a_csv_reader_is_named_with_its_line(peer, head):
    with pytest.raises(Invalid, match="cannot be read as CSV"):
        import_csv(peer.pk, f"{head}{'x' * 200_000},a,b,c\n", **WHO)
    assert not MapEntry.objects.exists()


def test_a_peers_own_line_wins_over_one_for_all_and_case_does_not_count(peer):
    set_entry(None, table="priority", given="quick", meant="HIGH", **WHO)
    set_entry(peer.pk, table="priority", given="QUICK", meant="STAT", **WHO)
    take(message(msh("ORM^O01"), pid(), orc(timing="^^^^^Quick"), obr()))
    assert Order.objects.get().priority == "STAT"


def test_a_value_stands_once_for_a_peer_and_once_for_all(peer):
    for whose in (peer, None):
        MapEntry.objects.create(peer=whose, table="sex", given="W", meant="F")
        with pytest.raises(IntegrityError), transaction.atomic():
            MapEntry.objects.create(peer=whose, table="sex", given="W", meant="M")


def test_the_station_rule_that_says_most_is_used(peer):
    set_entry(peer.pk, table="station", given="modality=CT", meant="MR1", **WHO)
    set_entry(peer.pk, table="station", given="modality=CT&code=CTHEADWO", meant="CT1", **WHO)
    take(order())
    assert Order.objects.get().procedures.get().steps.get().station_aes == ["CT1"]


def test_tables_go_out_and_come_back_as_csv_and_formulas_are_kept_from_running(peer):
    set_entry(peer.pk, table="location", given="=cmd()", meant="ED", **WHO)
    set_entry(peer.pk, table="sex", given="W", meant="F", text="weiblich", **WHO)
    text = export_csv(peer.pk)
    assert "'=cmd()" in text
    assert import_csv(peer.pk, text, **WHO) == 2
    assert export_csv(peer.pk) == text
    assert AuditEvent.objects.filter(action="hl7.import-tables").exists()


@pytest.mark.parametrize(("text", "at"), [("a,b\n", "line 1"), ("table,given,meant\nzzz,1,2\n", "line 2, table")])
def test_a_wrong_csv_changes_nothing_and_names_the_line(peer, text, at):
    set_entry(peer.pk, table="sex", given="W", meant="F", **WHO)
    with pytest.raises(Invalid) as refused:
        import_csv(peer.pk, text, **WHO)
    assert refused.value.at == at
    drop_entry(MapEntry.objects.get().pk, **WHO)


def test_where_obr_4_means_the_protocol_the_procedure_is_in_obr_44(peer):
    Peer.objects.update(obr4="protocol")
    take(message(msh("ORM^O01"), pid(), orc(), obr(code="PROT1^Protocol^L", fields={44: "CTHEADWO^CT head^L"})))
    procedure = Order.objects.get().procedures.get()
    assert (procedure.code, procedure.steps.get().protocol_code) == ("CTHEADWO", "PROT1")


def test_a_missing_study_uid_is_refused_or_derived_as_the_peer_is_set(peer):
    Peer.objects.update(uid_policy="reject")
    assert take(order()).faults[0][1] == "ZDS-1"
    Peer.objects.update(uid_policy="accession")
    take(message(msh("ORM^O01"), pid(), orc(), obr(fields={18: "ACC7"})))
    first = Order.objects.get().procedures.get().study_uid
    assert first.startswith("2.25.")


def test_a_step_left_out_is_cancelled_only_where_the_peer_sends_the_full_picture(peer):
    both = [orc(), obr(fields={19: "RP1"}), orc(), obr(code="B2^Second^L", fields={19: "RP2"})]
    change = [orc("XO"), obr(fields={19: "RP1"})]
    take(message(msh("ORM^O01", at="20260310120000"), pid(), *both))
    take(message(msh("ORM^O01", at="20260310121000"), pid(), *change))
    assert set(Order.objects.get().procedures.values_list("state", flat=True)) == {"active"}
    Peer.objects.update(full_picture=True)
    take(message(msh("ORM^O01", at="20260310122000"), pid(), *change))
    assert dict(Order.objects.get().procedures.values_list("number", "state")) == {"RP1": "active", "RP2": "cancelled"}


IPC = "IPC|ACC1|RP1|1.2.3.4|{}|CT"


def full(minute: int, *steps: str, control: str = "XO") -> None:
    head = msh("OMI^O23", version="2.5.1", at=f"2026031012{minute:02d}00")
    take(message(head, pid(), orc(control), obr(), *(IPC.format(step) for step in steps)))


def steps_now() -> dict[str, str]:
    return dict(Order.objects.get().procedures.get().steps.values_list("number", "state"))


def test_a_single_step_left_out_of_a_full_picture_is_cancelled_and_comes_back_when_named_again(peer):
    Peer.objects.update(full_picture=True)
    full(1, "S1", "S2", control="NW")
    full(2, "S1")
    assert steps_now() == {"S1": "scheduled", "S2": "cancelled"}
    full(3, "S1", "S2", "S3")
    assert steps_now() == {"S1": "scheduled", "S2": "scheduled", "S3": "scheduled"}
    full(2, "S2")  # said earlier, came late: what was said last holds
    assert steps_now() == {"S1": "scheduled", "S2": "scheduled", "S3": "scheduled"}


def test_a_step_left_out_that_has_begun_stays_and_the_order_is_flagged(peer):
    Peer.objects.update(full_picture=True)
    full(1, "S1", "S2", control="NW")
    start_by_hand(ScheduledStep.objects.get(number="S2").pk, actor=TESTER, at=NOON)
    full(2, "S1")
    assert steps_now() == {"S1": "scheduled", "S2": "started"}
    assert Order.objects.get().flags == ["performed though cancelled"]


def test_a_procedure_left_out_comes_back_when_named_again(peer):
    Peer.objects.update(full_picture=True)
    both = [orc("XO"), obr(fields={19: "RP1"}), orc("XO"), obr(code="B2^Second^L", fields={19: "RP2"})]
    take(message(msh("ORM^O01", at="20260310120000"), pid(), *both))
    take(message(msh("ORM^O01", at="20260310121000"), pid(), *both[:2]))
    take(message(msh("ORM^O01", at="20260310122000"), pid(), *both))
    procedures = Order.objects.get().procedures
    assert set(procedures.values_list("state", "steps__state")) == {("active", "scheduled")}


def test_a_z_field_is_read_into_an_attribute(peer):
    Peer.objects.update(attributes={"ZPI-2": "patient.alerts"})
    take(message(msh("ADT^A08"), pid(), "ZPI|1|Falls risk~Latex"))
    assert Order.objects.count() == 0
    assert InboundMessage.objects.get().patient.alerts == ["Falls risk", "Latex"]


def test_old_messages_are_forgotten_and_those_that_need_somebody_are_not(hospital):
    take(order(control_id="A")), take(order(control_id="A")), take(order("QQ"))
    later = NOON + timedelta(days=1)
    assert delete_messages(before=NOON) == 0
    while delete_messages(before=later):
        pass
    assert [row.state for row in InboundMessage.objects.all()] == ["refused"]


def test_the_conformance_statement_is_what_the_code_does():
    written = Path(__file__).parents[4] / "docs/interfaces/hl7.md"
    assert written.read_text(encoding="utf-8") == write_statement(), (
        "run ./bin/ris hl7 conformance > docs/interfaces/hl7.md"
    )
