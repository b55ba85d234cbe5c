"""Table 0155 whole: who asks for which acknowledgments gets these, and hears of a refusal."""

from __future__ import annotations

import pytest

from interfaces.hl7.inbound import responses
from interfaces.hl7.models import Peer
from interfaces.hl7.v2.header import recover_header
from tests.interfaces.hl7.hl7 import NOON, order, take
from tests.interfaces.hl7.wire import Client, listening

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def asking(accept: str, application: str, *, good: bool = True, control_id: str = "M1") -> bytes:
    """An order with MSH-15 and MSH-16 that is accepted or refused."""
    raw = order("NW" if good else "QQ", control_id=control_id)
    head, separator, rest = raw.partition(b"\r")
    fields = head.split(b"|") + [b""] * 18
    fields[14], fields[15] = accept.encode(), application.encode()
    return b"|".join(fields[:17]) + separator + rest


def codes(accept: str, application: str, *, good: bool) -> list[str]:
    """MSA-1 of each answer, in order."""
    raw = asking(accept, application, good=good)
    row, header = take(raw), recover_header(raw)
    if responses.is_answered_when_stored(header, row.peer):
        answers = responses.answers_when_stored(header, row.pk, NOON)
    else:
        answers = responses.answers_when_processed(header, row, NOON)
    return [answer.split(b"\rMSA|")[1][:2].decode() for answer in answers]


TABLE = {
    ("", ""): (["AA"], ["AE"]),
    ("AL", ""): (["CA"], ["CE"]),
    ("ER", ""): ([], ["CE"]),
    ("SU", ""): (["CA"], []),
    ("NE", ""): (["AA"], ["AE"]),
    ("", "AL"): (["AA"], ["AE"]),
    ("", "ER"): ([], ["AE"]),
    ("", "SU"): (["AA"], []),
    ("", "NE"): ([], []),
    ("AL", "AL"): (["CA", "AA"], ["CA", "AE"]),
    ("AL", "ER"): (["CA"], ["CA", "AE"]),
    ("AL", "SU"): (["CA", "AA"], ["CA"]),
    ("AL", "NE"): (["CA"], ["CA"]),
    ("NE", "AL"): (["AA"], ["AE"]),
    ("NE", "NE"): ([], []),
    ("ER", "ER"): ([], ["AE"]),
    ("SU", "SU"): (["CA", "AA"], ["CA"]),
    ("XX", "YY"): (["AA"], ["AE"]),
}
"""MSH-15, MSH-16 → the answers to a good message, and to a bad one."""


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("asked", sorted(TABLE), ids="-".join)
def test_each_pair_of_conditions_is_answered(asked, good):
    assert codes(*asked, good=good) == TABLE[asked][0 if good else 1]


@pytest.mark.parametrize(
    ("mode", "asked", "answers"),
    [("original", ("AL", "NE"), ["AA"]), ("enhanced", ("", ""), ["CA", "AA"]), ("enhanced", ("AL", ""), ["CA"])],
)
def test_a_sender_may_be_set_to_a_mode(mode, asked, answers):
    Peer.objects.create(application="EMR", facility="NORTH", name="EMR", ack_mode=mode)
    assert codes(*asked, good=True) == answers


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("mode", "expected"), [("", [b"CE"]), ("original", [b"AE"])])
def test_who_asks_for_accept_acknowledgments_alone_hears_of_a_refusal(mode, expected):
    Peer.objects.create(application="EMR", facility="NORTH", name="EMR", ack_mode=mode)
    with listening() as port, Client(port) as sender:
        sender.send(asking("AL", "", good=False, control_id="BAD"))
        sender.send(asking("AL", "", control_id="GOOD"))
        answers = [sender.receive().split(b"\rMSA|")[1] for _ in range(2)]
    assert answers[0].startswith(expected[0] + b"|BAD")
    assert answers[1][3:7] == b"GOOD"
