"""What was said last stands: by MSH-7, then by arrival, whatever control ids and clocks the sender has."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from interfaces.hl7.inbound import intake
from interfaces.hl7.models import InboundMessage, Peer
from interfaces.hl7.operations.services import replay
from ris.orders.models import Order
from tests.factories import TESTER
from tests.interfaces.hl7.hl7 import NOON, message, msh, obr, orc, pid

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
numbers = itertools.count(9001)


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def say(
    reason: str,
    said: datetime | str,
    *,
    came: datetime = NOW,
    control: str = "XO",
    control_id: str = "",
    placer: str = "P1",
    **fields: str,
) -> InboundMessage:
    """A message about an order, said at a moment of the sender's clock, that came at one of ours."""
    at = said if isinstance(said, str) else f"{said:%Y%m%d%H%M%S}+0000"
    values = {31: f"^{reason}"} | {int(name.removeprefix("obr_")): value for name, value in fields.items()}
    raw = message(
        msh("ORM^O01", at=at, control_id=control_id), pid(), orc(control, placer, timing=""), obr(placer, fields=values)
    )
    (pk,) = intake.store_messages([intake.Arrival(raw, "127.0.0.1", came)])
    return intake.process_message(pk, at=came)


def reason(placer: str = "P1") -> str:
    return Order.objects.get(placer_number=placer).reason


@pytest.mark.parametrize(("first", "second"), [("f3c0a1de-NW", "0b77e2aa-XO"), ("9", "10"), ("zz", "a")])
def test_of_one_second_the_later_arrival_stands_whatever_its_control_id(first, second):
    say("placed", NOW - timedelta(minutes=1), control="NW", control_id="placed")
    # Two changes: what places an order counts as said first, whatever its moment, so it shows nothing about arrival.
    say("first", NOW, control_id=first)
    say("second", NOW, control_id=second)
    assert reason() == "second"


def test_a_clock_of_another_decade_binds_nothing():
    row = say("wrong clock", datetime(2036, 1, 1, tzinfo=UTC), control="NW")
    assert any("clock" in warning for warning in row.warnings)
    assert row.message_at == NOW
    say("right clock", NOW + timedelta(minutes=1), came=NOW + timedelta(minutes=1))
    assert reason() == "right clock"


def test_a_clock_that_is_put_right_binds_nothing_and_is_measured():
    say("ahead", NOW + timedelta(hours=3), control="NW")
    assert Peer.objects.get().clock_ahead_s == 3 * 3600
    later = NOW + timedelta(seconds=1)
    say("put right", later, came=later)
    assert reason() == "put right"
    assert Peer.objects.get().clock_ahead_s == 0


def test_the_order_of_arrival_counts_where_no_moment_is_said():
    say("first", "", control="NW")
    say("second", "", came=NOW + timedelta(seconds=1))
    assert reason() == "second"


@settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.sampled_from([-7200, -60, -2, -1, 0, 1, 3600, 90_000, 400_000_000]), st.integers(0, 2)),
        min_size=2,
        max_size=6,
    )
)
def test_what_was_said_last_stands_for_any_times_of_any_messages(messages):
    placer, said = f"P{next(numbers)}", []
    for arrival, (ahead_s, waited_s) in enumerate(messages):
        came = NOW + timedelta(seconds=waited_s + 3 * arrival)
        moment = came + timedelta(seconds=ahead_s)
        said.append((min(moment, came), arrival))
        say(f"reason {arrival}", moment, came=came, control="NW" if arrival == 0 else "XO", placer=placer)
    assert reason(placer) == f"reason {max(said)[1]}"


def test_an_edited_copy_takes_the_place_of_its_original():
    first = say("first", NOW - timedelta(minutes=9), control="NW", obr_30="WALK")
    say("second", NOW - timedelta(minutes=5))
    text = bytes(first.raw).decode().replace("^first", "^mended").replace("WALK", "CART")
    copy = replay(first.pk, text=text, reason="mended", actor=TESTER, at=NOON + timedelta(days=2))
    assert copy.state == "applied"
    assert (reason(), Order.objects.get().transport) == ("second", "CART")


@pytest.mark.parametrize(("days", "window", "answer"), [(31, 30, "AA"), (29, 30, "AE"), (400, 0, "AE")])
def test_a_control_id_is_unique_within_the_senders_window(days, window, answer):
    Peer.objects.create(application="EMR", facility="NORTH", name="EMR", duplicate_days=window)
    say("first", NOW, control="NW", control_id="1")
    later = NOW + timedelta(days=days)
    row = say("second", later, came=later, control_id="1", placer="P2", control="NW")
    assert row.answer_code == answer
