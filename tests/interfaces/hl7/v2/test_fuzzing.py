"""No input crashes or stalls the listener; every complete frame is answered and kept."""

from __future__ import annotations

import random
import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces.hl7.models import InboundMessage
from interfaces.hl7.v2 import acknowledgment, parser
from interfaces.hl7.v2.datatypes import parse_moment
from interfaces.hl7.v2.encoding import Escapes, decode, escape
from interfaces.hl7.v2.header import parse_header, recover_header
from interfaces.hl7.v2.mllp import END, START, Deframer, frame_message
from ris.kernel.clock import now
from ris.kernel.errors import Refusal
from tests.interfaces.hl7.hl7 import MESSAGES, order
from tests.interfaces.hl7.wire import Client, listening, parsed

FIXTURES = [path.read_bytes() for path in sorted(MESSAGES.glob("*.hl7"))]
BITES = [b"|", b"^", b"~", b"\\", b"&", b"\r", b"\n", b"\0", b"\x1b", b"\xff", b"MSH", b"\\X0\\", b'""', b"9" * 400]
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def mutated(chance: random.Random) -> bytes:
    """A fixture with bytes changed, cut, doubled or bitten into."""
    raw = bytearray(chance.choice(FIXTURES))
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(raw) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            raw[at:at] = chance.choice(BITES)
        elif kind == 1:
            del raw[at : at + chance.randrange(1, 40)]
        elif kind == 2 and raw:
            raw[min(at, len(raw) - 1)] = chance.randrange(256)
        else:
            raw[at:at] = raw[at : at + chance.randrange(1, 200)]
    return bytes(raw).replace(START, b"").replace(END, b"")


@SETTINGS
@given(st.binary(max_size=400) | st.randoms(use_true_random=False).map(mutated))
def test_reading_refuses_or_reads_and_never_breaks(raw):
    header = recover_header(raw)
    refusal = acknowledgment.build_acknowledgment(
        header, acknowledgment.ERROR, control_id="1", at=now(), faults=(acknowledgment.Fault("100", "MSH", "x"),)
    )
    assert acknowledgment.echoes_control_id(refusal, header, raw)
    try:
        message = parser.parse_message(raw)
    except Refusal:
        return
    acceptance = acknowledgment.build_acknowledgment(
        parse_header(message), acknowledgment.ACCEPT, control_id="1", at=now()
    )
    assert acknowledgment.echoes_control_id(acceptance, header, raw)
    for segment in message.segments:
        for field in range(len(segment.fields)):
            segment.whole(field)
            segment.text(field, 2, 2)


@pytest.mark.once
@SETTINGS
@given(st.text())
def test_what_is_escaped_reads_back_the_same_and_cannot_leave_its_field(text):
    written = escape(text)
    assert not set(written) & set("|^~&\r\n\x0b\x1c")
    clean = Escapes("|^~\\&", "utf-8").resolve(text.replace("\\", ""))
    assert Escapes("|^~\\&", "utf-8").resolve(escape(clean)) == clean


@SETTINGS
@given(st.binary(max_size=60))
def test_decoding_decides_or_refuses(raw):
    try:
        decoded = decode(b"MSH|^~\\&|" + raw)
    except Refusal:
        return
    assert "\ufffd" not in decoded.text or b"\xef\xbf\xbd" in raw


@SETTINGS
@given(st.text(max_size=30))
def test_a_time_is_a_moment_or_nothing(text):
    from datetime import UTC

    parse_moment(text, UTC)


@pytest.mark.once
@SETTINGS
@given(st.lists(st.binary(min_size=1, max_size=30).filter(lambda b: START not in b and END not in b)), st.data())
def test_frames_come_out_as_they_went_in_however_they_are_portioned(messages, data):
    stream = b"".join(frame_message(m) for m in messages)
    deframer, found = Deframer(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += deframer.feed(stream[:size])
        stream = stream[size:]
    assert [f.body for f in found] == messages


@pytest.mark.django_db(transaction=True)
def test_mutated_messages_are_all_answered_while_dead_sockets_hang_about_and_a_good_sender_is_served(hospital):
    seed = random.randrange(10**6)
    print("seed", seed)  # noqa: T201
    chance = random.Random(seed)
    with listening() as port:
        dead = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        for sock in dead[::3]:
            sock.sendall(START + bytes(chance.randrange(256) for _ in range(20)).replace(END, b""))
        with Client(port) as wild, Client(port) as good:
            for n in range(60):
                raw = mutated(chance)
                if not raw:
                    continue
                wild.send(raw)
                assert wild.receive() != b"", (seed, n)
                if n % 20 == 0:
                    began = time.monotonic()
                    assert parsed_code(good, n) == "AA"
                    assert time.monotonic() - began < 1
        for sock in dead:
            sock.close()
    assert not InboundMessage.objects.filter(state__in=["received", "failed"]).exists(), seed


def parsed_code(good: Client, n: int) -> str:
    good.send(order(placer=f"GOOD{n}", control_id=f"GOOD{n}"))
    return parsed(good.receive())[1][1]
