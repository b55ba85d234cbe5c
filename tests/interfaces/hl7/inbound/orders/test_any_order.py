"""The same set of messages in any order, with any repeats, gives the same state."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from interfaces.hl7.inbound.orders.projection import add_statement, fold
from interfaces.hl7.inbound.orders.statements import (
    BOOK,
    CANCEL,
    CHANGE,
    COMPLETED,
    HOLD,
    NEW,
    RELEASE,
    STARTED,
    UNBOOK,
    Content,
    Procedure,
    Statement,
    from_json,
    to_json,
)
from interfaces.hl7.subscribers import MAY_CURE
from reporting.models import Report
from reporting.services import save_draft, sign
from ris.audit.services import Actor
from ris.kernel.relay import deliver_owed
from ris.orders.intents import Code, PerformedIntent
from ris.orders.models import Order, PerformedStep, ScheduledStep
from ris.orders.services import complete_exam, start_exam
from ris.orders.services.flags import EXAM_RESUMED, OVERLAPPING
from ris.patients.models import Patient
from ris.people.models import User
from tests.factories import TESTER
from tests.interfaces.hl7.hl7 import NOON, message, obr, orc, pid, seg, take
from tests.worklist.reading import make_reader
from worklist.models import ReadingItem
from worklist.services import claim

pytestmark = pytest.mark.django_db(transaction=True)
runs = itertools.count(7001)


def msh(kind: str, minute: int, n: int) -> str:
    return f"MSH|^~\\&|EMR|NORTH|RIS|RAD|2026031012{minute:02d}00||{kind}|M{minute}-{n}|P|2.3.1"


def timing(hour: int, priority: str) -> str:
    return f"^^^20260311{hour:02d}0000^^{priority}"


STORY = {
    "register": lambda n: message(msh("ADT^A04", 1, n), pid(f"OLD{n}", name="ZZTEST^FIRST")),
    "correct": lambda n: message(msh("ADT^A08", 2, n), pid(f"OLD{n}", name="ZZTEST^SECOND")),
    "order": lambda n: message(
        msh("ORM^O01", 3, n), pid(f"OLD{n}", name="ZZTEST^ORDER"), seg("PV1", {2: "E", 3: "ED", 19: f"V{n}"}),
        orc("NW", f"P{n}", timing=timing(8, "R")), obr(f"P{n}", fields={31: "^Headache", 18: f"A{n}"}), "NTE|1||first",
    ),
    "update": lambda n: message(
        msh("ORM^O01", 4, n), pid(f"OLD{n}", name="ZZTEST^UPDATE"), orc("XO", f"P{n}", timing=timing(9, "A")),
        obr(f"P{n}", fields={31: "^Fall", 18: f"A{n}"}),
    ),
    "hold": lambda n: message(msh("ORM^O01", 5, n), pid(f"OLD{n}"), f"ORC|HD|P{n}^EMR"),
    "release": lambda n: message(msh("ORM^O01", 6, n), pid(f"OLD{n}"), f"ORC|RL|P{n}^EMR"),
    "merge": lambda n: message(msh("ADT^A40", 7, n), pid(f"NEW{n}", name="ZZTEST^KEPT"), f"MRG|OLD{n}^^^NORTH^MR"),
    "late correction": lambda n: message(msh("ADT^A08", 8, n), pid(f"NEW{n}", name="ZZTEST^LAST")),
    "book": lambda n: message(
        msh("SIU^S13", 9, n), seg("SCH", {26: f"P{n}^EMR"}), pid(f"NEW{n}"), "AIS|1|A|CTHEADWO|20260312100000",
    ),
    "second update": lambda n: message(
        msh("ORM^O01", 10, n), pid(f"NEW{n}", name="ZZTEST^ORDER"), orc("XO", f"P{n}", timing="^^^^^S"),
        obr(f"P{n}", fields={30: "CART", 18: f"A{n}"}),
    ),
    "transfer": lambda n: message(msh("ADT^A02", 11, n), pid(f"NEW{n}"), seg("PV1", {2: "I", 3: "W3", 19: f"V{n}"})),
    "person": lambda n: message(msh("ADT^A31", 14, n), pid(f"NEW{n}", name="ZZTEST^LAST", rest="|||1 Test St")),
    "renumber": lambda n: message(
        msh("ADT^A47", 15, n), pid(f"NEWER{n}", name="ZZTEST^RENUMBERED"), f"MRG|NEW{n}^^^NORTH^MR"
    ),
}  # fmt: skip
CANCEL_LATER = {"cancel": lambda n: message(msh("ORM^O01", 16, n), pid(f"NEW{n}"), f"ORC|CA|P{n}^EMR")}
SAID = {
    "begun": lambda n: message(msh("ORM^O01", 12, n), pid(f"NEW{n}"), f"ORC|SC|P{n}^EMR|||IP"),
    "done": lambda n: message(msh("ORM^O01", 13, n), pid(f"NEW{n}"), f"ORC|SC|P{n}^EMR|||CM"),
}


def mpps_begin(n: int) -> bool:
    """A scanner that got the order from its worklist, before or after it was cancelled."""
    step = ScheduledStep.objects.filter(procedure__order__placer_number=f"P{n}").first()
    if step is not None:
        intent = PerformedIntent(started_at=NOON, mpps_uid=f"1.2.{n}", step_ids=(step.pk,), station_ae="CT1")
        start_exam(intent, actor=TESTER, at=NOON)
    return step is not None


def mpps_end(n: int) -> bool:
    begun = PerformedStep.objects.filter(mpps_uid=f"1.2.{n}").exists()
    if begun:
        complete_exam(f"1.2.{n}", ended_at=NOON, actor=TESTER, at=NOON)
    return begun


def read_and_sign(n: int) -> bool:
    item = ReadingItem.objects.filter(procedure__order__placer_number=f"P{n}", state="unread").first()
    if item is not None:
        reader = User.objects.get(username="rae")
        actor = Actor.of_user(reader)
        claim(item.pk, reader=reader, actor=actor, at=NOON)
        save_draft(item.pk, reader=reader, revision=0, sections=WORDS, actor=actor, at=NOON)
        sign(item.pk, reader=reader, revision=1, actor=actor, at=NOON)
    return item is not None


WORDS = {"findings": "No bleed.", "impression": "Normal."}
MPPS = {"mpps in progress": mpps_begin, "mpps completed": mpps_end}
SIGN = {"sign": read_and_sign}
ENDINGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "cancelled": CANCEL_LATER,
    "said to be performed": SAID,
    "begun and cancelled": CANCEL_LATER | {"mpps in progress": mpps_begin},
    "performed and signed": MPPS | SIGN,
    "all of it": CANCEL_LATER | SAID | MPPS | SIGN,
}


def state(n: int) -> dict[str, Any]:
    """What holds about the order and its patient, without the numbers that are issued here."""
    patient = Patient.objects.get(merged_into=None, identifiers__value=f"NEWER{n}")
    placed = Order.objects.get(placer_number=f"P{n}")
    step = placed.procedures.get().steps.get()
    cancelled = placed.state == "cancelled"
    planned = step.start if step.state == "scheduled" else None  # a step that has begun keeps its schedule
    visit = patient.visits.get()
    items = ReadingItem.objects.filter(procedure__order=placed)
    device = PerformedStep.objects.filter(mpps_uid=f"1.2.{n}")
    return {
        "patient": (patient.family_name, patient.given_name, patient.birth_date, patient.sex, patient.address),
        "identifiers": sorted(patient.identifiers.values_list("value", "retired")),
        "owner": placed.patient_id == patient.pk,
        # That an exam was resumed tells what came after the reading began, so it differs with the order by its nature.
        # What else is booked on a device is of the other orders that this test has placed.
        "order": (
            placed.state,
            [f for f in placed.flags if f not in (EXAM_RESUMED, OVERLAPPING)],
            placed.accession,
            placed.procedures.get().state,
            step.state,
        ),
        "visit": (visit.patient_class, visit.location),
        "content": cancelled or (placed.priority, placed.reason, placed.comments, placed.transport, planned),
        "device": list(device.values_list("state", flat=True)),
        "case": list(items.values_list("state", flat=True)),
        "report": sorted(Report.objects.filter(procedure__order=placed).values_list("state", "impression")),
    }


def play(names: list[str], story: dict[str, Any]) -> dict[str, Any]:
    """Let it all happen in that order; what people and devices do, as soon as there is something to do it to."""
    n, left = next(runs), []
    for name in names:
        if story[name] in ACTS:
            left += [] if name in left or story[name] in _over(n) else [name]
        else:
            row = take(story[name](n))
            assert row.answer_code == "AA" or row.reason in MAY_CURE, (name, row.reason)
        settle()
        left = [act for act in left if not _acted(story[act], n)]
    while left:
        before, left = left, [act for act in left if not _acted(story[act], n)]
        assert left != before, left
    return {key: _neutral(value, n) for key, value in state(n).items()}


ACTS = (mpps_begin, mpps_end, read_and_sign)


def _over(n: int) -> list[Any]:
    """Acts that a repeat of does nothing: a device numbers what it does, and a report is signed once."""
    performed = PerformedStep.objects.filter(mpps_uid=f"1.2.{n}")
    signed = Report.objects.filter(procedure__order__placer_number=f"P{n}", state="final")
    over = [(mpps_begin, performed), (mpps_end, performed.filter(state="completed")), (read_and_sign, signed)]
    return [act for act, rows in over if rows.exists()]


def _acted(act: Any, n: int) -> bool:
    done = bool(act(n))
    settle()
    return done


def settle() -> None:
    with transaction.atomic():
        while deliver_owed(at=NOON):
            pass


def _neutral(value: Any, n: int) -> Any:
    if isinstance(value, str):
        return value.replace(str(n), "#") if value.endswith(str(n)) else value
    return type(value)(_neutral(v, n) for v in value) if isinstance(value, (list, tuple)) else value


TOLD_IN_ORDER: dict[str, dict[str, Any]] = {}
"""Ending → what holds when all is told in the order in which it was said."""


@pytest.mark.parametrize("ending", sorted(ENDINGS))
@settings(max_examples=4, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_order_and_any_repeats_give_the_same_state(hospital, ending, data):
    if not User.objects.filter(username="rae").exists():
        make_reader("rae")
    story = STORY | ENDINGS[ending]
    if ending not in TOLD_IN_ORDER:
        TOLD_IN_ORDER[ending] = play(list(story), story)
    shuffled = data.draw(st.permutations(list(story)))
    repeats = data.draw(st.lists(st.sampled_from(list(story)), max_size=4))
    assert play(shuffled + repeats, story) == TOLD_IN_ORDER[ending]


statements = st.builds(
    Statement,
    rank=st.tuples(st.integers(0, 3).map(str), st.just(1), st.integers(0, 3), st.just("")),
    verb=st.sampled_from([NEW, CHANGE, CANCEL, HOLD, RELEASE, BOOK, UNBOOK]),
    progress=st.sampled_from(["", STARTED, COMPLETED]),
    content=st.builds(Content, priority=st.sampled_from(["", "a", "b"]), reason=st.sampled_from(["", "a", "b"])),
    procedures=st.lists(
        st.builds(
            Procedure,
            code=st.sampled_from([Code("A"), Code("B")]),
            number=st.sampled_from(["", "1", "2"]),
            laterality=st.sampled_from(["", "L", "R"]),
        ),
        max_size=2,
    ).map(tuple),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(statements, max_size=6, unique_by=lambda s: s.key), st.randoms())
def test_the_picture_of_an_order_is_a_function_of_the_set_of_what_was_said(said, chance):
    shuffled = [*said, *chance.sample(said, chance.randrange(len(said) + 1))]
    chance.shuffle(shuffled)
    kept: list[Statement] = []
    for statement in shuffled:
        kept = add_statement(kept, statement)
    assert fold(kept) == fold(said)
    assert [from_json(json.loads(json.dumps(to_json(statement)))) for statement in kept] == kept
