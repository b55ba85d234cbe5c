"""Who is meant: number, authority and type, and whether the description fits the patient of that number."""

from __future__ import annotations

import pytest

from interfaces.hl7 import states
from ris.catalog.models import Site
from ris.kernel.errors import Conflict
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order
from ris.patients.models import AssigningAuthority, IdentityQuestion, Patient
from ris.patients.services import add_alias, decide_identity
from tests.factories import TESTER
from tests.interfaces.hl7.hl7 import NOON, message, msh, obr, orc, pid, take

pytestmark = pytest.mark.django_db

KNOWN = "PID|||T1^^^NORTH^MR||ZZTEST^ALPHA||19450714|F"
STRANGER = "PID|||T1^^^NORTH^MR||ZZOTHER^CARL||19900102|M"
MAYBE = "PID|||T1^^^NORTH^MR||ZZTEST^BERTA||19450714|F"


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def registered(line: str = KNOWN, event: str = "A04", **header: str) -> bytes:
    return message(msh(f"ADT^{event}", **header), f"EVN|{event}|20260310120000", line)


def ordered(line: str, placer: str = "P1", **header: str) -> bytes:
    return message(msh("ORM^O01", **header), line, orc(placer=placer), obr(placer))


def test_an_account_number_of_one_person_is_not_the_record_number_of_another() -> None:
    take(ordered("PID|||T1^^^^MR~778812^^^^AN||ZZTEST^ALPHA||19450714|F"))
    take(ordered("PID|||778812^^^^MR||ZZOTHER^CARL||19900102|M", "P2"))
    one, other = (Order.objects.get(placer_number=n).patient for n in ("P1", "P2"))
    assert (one.family_name, other.family_name) == ("ZZTEST", "ZZOTHER")
    assert one.identifiers.get().value == "T1"


@pytest.mark.parametrize("kind", ["VN", "AN", "an"])
def test_a_message_with_visit_numbers_only_names_nobody(kind: str) -> None:
    row = take(ordered(f"PID|||778812^^^NORTH^{kind}||ZZTEST^ALPHA||19450714|F"))
    assert (row.state, row.answer_code, row.faults[0][1]) == (states.REFUSED, "AE", "PID-3")
    assert not Order.objects.exists()


def test_a_number_of_another_series_is_another_number() -> None:
    take(registered("PID|||4711^^^NORTH^SS||ZZTEST^ALPHA||19450714|F"))
    take(registered("PID|||4711^^^NORTH^MR||ZZOTHER^CARL||19900102|M"))
    assert Patient.objects.count() == 2


@pytest.mark.parametrize("kind", ["MR", "PI", "PT", ""])
def test_patient_numbers_are_one_series_whatever_a_sender_calls_them(kind: str) -> None:
    take(registered())
    take(ordered(f"PID|||T1^^^NORTH^{kind}||ZZTEST^ALPHA||19450714|F"))
    assert Order.objects.get().patient == Patient.objects.get()


def test_a_number_without_an_authority_is_of_the_facility_that_assigned_it() -> None:
    take(registered("PID|||T1^^^^MR^SOUTH||ZZTEST^ALPHA||19450714|F"))
    assert Patient.objects.get().identifiers.get().authority == "SOUTH"


def test_namespace_and_universal_id_are_one_authority_once_they_came_together() -> None:
    take(registered("PID|||T1^^^NORTH&1.2.3.4&ISO^MR||ZZTEST^ALPHA||19450714|F"))
    take(ordered("PID|||T1^^^&1.2.3.4&ISO^MR||ZZTEST^ALPHA||19450714|F"))
    take(ordered("PID|||T1^^^NORTH^MR||ZZTEST^ALPHA||19450714|F", "P2"))
    patient = Patient.objects.get()
    assert set(Order.objects.values_list("patient", flat=True)) == {patient.pk}
    authority = AssigningAuthority.objects.get()
    assert (authority.name, authority.universal_id, authority.universal_id_type) == ("NORTH", "1.2.3.4", "ISO")


def test_two_hospitals_that_call_themselves_alike_are_told_apart_by_their_universal_ids() -> None:
    take(registered("PID|||T1^^^MRN&1.2.3&ISO^MR||ZZTEST^ALPHA||19450714|F"))
    take(registered("PID|||T1^^^MRN&9.8.7&ISO^MR||ZZOTHER^CARL||19900102|M"))
    assert Patient.objects.count() == 2


def test_an_alias_is_the_authority_that_it_stands_for() -> None:
    take(registered())
    take(registered("PID|||T2^^^N-OLD^MR||ZZOTHER^CARL||19900102|M"))
    add_alias("N-OLD", "NORTH", actor=TESTER, at=NOON)
    take(ordered("PID|||T1^^^N-OLD^MR||ZZTEST^ALPHA||19450714|F"))
    take(ordered("PID|||T2^^^NORTH^MR||ZZOTHER^CARL||19900102|M", "P2"))
    assert [order.patient.family_name for order in Order.objects.order_by("placer_number")] == ["ZZTEST", "ZZOTHER"]
    assert Patient.objects.count() == 2


def test_two_authorities_that_share_a_number_are_not_made_one() -> None:
    take(registered())
    take(registered("PID|||T1^^^N-OLD^MR||ZZOTHER^CARL||19900102|M"))
    with pytest.raises(Conflict, match="1 numbers exist under both"):
        add_alias("N-OLD", "NORTH", actor=TESTER, at=NOON)


@pytest.mark.parametrize("raw", [ordered(STRANGER), registered(STRANGER, "A08")], ids=["order", "ADT"])
def test_somebody_else_under_a_known_number_is_held_and_a_person_is_asked(raw: bytes) -> None:
    take(registered())
    row = take(raw)
    assert (row.state, row.answer_code, row.faults[0][:2]) == (states.REFUSED, "AE", ["204", "PID-3"])
    assert not Order.objects.exists()
    patient = Patient.objects.get()
    assert (patient.family_name, patient.sex) == ("ZZTEST", "F")
    question = IdentityQuestion.objects.get()
    assert (question.patient, question.verdict, question.held, question.message_id) == (
        patient,
        "another",
        True,
        row.pk,
    )
    assert question.differing == ["name", "birth date", "sex"]
    alarm = Alarm.objects.get(kind="patient-identity")
    assert "ZZ" not in alarm.detail + alarm.subject + row.reason


def test_what_was_held_is_applied_once_a_person_has_said_that_it_is_the_same() -> None:
    take(registered())
    take(ordered(STRANGER))
    decide_identity(IdentityQuestion.objects.get().pk, same=True, reason="Called the ward.", actor=TESTER, at=NOON)
    deliver_owed(at=NOON)
    order = Order.objects.get()
    assert (order.placer_number, order.patient) == ("P1", Patient.objects.get())
    assert not Alarm.objects.filter(kind="patient-identity", cleared_at=None).exists()
    take(ordered(STRANGER, "P2"))  # the same description is not asked about again
    assert Order.objects.count() == 2


def test_what_was_held_stays_refused_when_it_is_another() -> None:
    take(registered())
    take(ordered(STRANGER))
    question = IdentityQuestion.objects.get()
    decide_identity(question.pk, same=False, reason="Called the ward.", actor=TESTER, at=NOON)
    deliver_owed(at=NOON)
    assert not Order.objects.exists()
    with pytest.raises(Conflict):
        decide_identity(question.pk, same=True, reason="Changed my mind.", actor=TESTER, at=NOON)


def test_an_unsure_one_is_applied_by_default_and_never_silently() -> None:
    take(registered())
    row = take(ordered(MAYBE))
    assert (row.state, Order.objects.get().patient) == (states.APPLIED, Patient.objects.get())
    question = IdentityQuestion.objects.get()
    assert (question.verdict, question.held) == ("unsure", False)
    assert Alarm.objects.filter(kind="patient-identity", cleared_at=None).exists()


def test_a_site_holds_unsure_ones_and_applies_others_when_it_is_set_so() -> None:
    Site.objects.update(identity_unsure="hold", identity_another="apply")
    take(registered())
    assert take(ordered(MAYBE)).state == states.REFUSED
    assert take(ordered(STRANGER, "P2")).state == states.APPLIED
    assert Alarm.objects.filter(kind="patient-identity", cleared_at=None).exists()


def test_asked_once_for_each_description_however_often_it_comes() -> None:
    take(registered())
    for placer in ("P1", "P2", "P3"):
        take(ordered(STRANGER, placer))
    question = IdentityQuestion.objects.get()
    assert (question.times, Alarm.objects.get(kind="patient-identity").times) == (3, 3)


def test_a_newborn_gets_a_name_and_a_bride_another_without_a_question() -> None:
    take(registered("PID|||T1^^^NORTH^MR||ZZTEST^BABY GIRL||20260301|F"))
    take(registered("PID|||T1^^^NORTH^MR||ZZTEST^MILA||20260301|F", "A08", at="20260310120100"))
    take(registered("PID|||T1^^^NORTH^MR||ZZBRIDE^MILA||20260301|F", "A08", at="20260310120200"))
    patient = Patient.objects.get()
    assert (patient.family_name, patient.given_name) == ("ZZBRIDE", "MILA")
    assert not IdentityQuestion.objects.exists()


@pytest.mark.parametrize(
    ("names", "family", "given"),
    [
        ("Jo^^^^^^N~Zzlegal^Johanna^^^^^L", "Zzlegal", "Johanna"),
        ("Zzlegal^Johanna^^^^^L~Jo^^^^^^N", "Zzlegal", "Johanna"),
        ("Zzshown^Jo^^^^^D~Zzmaiden^Jo^^^^^M", "Zzshown", "Jo"),
        ("Zzalias^Jo^^^^^A~Zzplain^Johanna", "Zzplain", "Johanna"),
        ("試験^太郎^^^^^L^I~Zzlegal^Taro^^^^^L^A", "Zzlegal", "Taro"),
        ("Zzonly^Jo^^^^^N", "Zzonly", "Jo"),
    ],
)
def test_the_legal_name_is_the_name(names: str, family: str, given: str) -> None:
    take(message(msh("ADT^A04", charset="UNICODE UTF-8"), pid(name=names)))
    patient = Patient.objects.get()
    assert (patient.family_name, patient.given_name) == (family, given)
    assert patient.ideographic_name == ("試験^太郎" if "試験" in names else "")
