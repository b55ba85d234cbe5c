"""However many connections send at the same moment: each gets the answers to its own messages, and only these."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from ris.orders.models import Order
from tests.interfaces.hl7.hl7 import message, msh, obr, orc, pid
from tests.interfaces.hl7.wire import END, START, Client, listening, parsed

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 4
Sent = tuple[bytes, str, str]
"""A message, its MSH-10, and the MSA-1 that is true of it."""


@pytest.fixture(autouse=True)
def a_hospital(transactional_db, hospital):
    return hospital


def a_message(control_id: str, code: str, patient: str) -> Sent:
    """An order that is applied (AA) or has too long an accession number (AE); an event nobody knows (AR)."""
    if code == "AR":
        return message(msh("ADT^A99", control_id=control_id), pid(patient)), control_id, code
    fields = {18: "A" * 17} if code == "AE" else {}
    order = (orc(placer=control_id), obr(control_id, fields=fields))
    return message(msh("ORM^O01", control_id=control_id), pid(patient), *order), control_id, code


def some_connections(chance: random.Random, name: str) -> list[list[Sent]]:
    """What each connection sends: half of all is applied, the rest refused in two ways, well mixed."""
    count, each = chance.choice([(24, 1), (16, 2), (10, 4)])
    codes = ["AA", "AA", "AE", "AR"] * (count * each // 4)
    chance.shuffle(codes)
    return [
        [a_message(f"{name}-{line}-{n}", codes[line * each + n], f"T{chance.randrange(100, 140)}") for n in range(each)]
        for line in range(count)
    ]


def send_at_once(port: int, connections: list[list[Sent]]) -> list[list[tuple[str, str]]]:
    """Each connection writes all its messages at once, all at the same moment; MSA-2 and MSA-1 of each answer."""
    together = Barrier(len(connections))

    def send(messages: list[Sent]) -> list[tuple[str, str]]:
        with Client(port) as sender:
            together.wait(20)
            sender.sock.sendall(b"".join(START + raw + END for raw, _, _ in messages))
            answers = [parsed(sender.receive()) for _ in messages]
        return [(answer[1][2], answer[1][1]) for answer in answers]

    with ThreadPoolExecutor(len(connections)) as senders:
        return list(senders.map(send, connections))


@pytest.mark.parametrize("number", range(ROUNDS))
def test_each_connection_gets_the_true_answer_to_its_own_message(number):
    seed = random.randrange(10**6)
    print("seed", seed)  # noqa: T201
    connections = some_connections(random.Random(seed), f"R{number}")
    with listening() as port:
        answers = send_at_once(port, connections)
    assert answers == [[(control_id, code) for _, control_id, code in messages] for messages in connections]
    applied = {control_id for messages in connections for _, control_id, code in messages if code == "AA"}
    assert set(Order.objects.values_list("placer_number", flat=True)) == applied
