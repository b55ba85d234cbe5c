"""Writing messages for tests, short enough to see what matters."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from interfaces.hl7.inbound import intake
from interfaces.hl7.models import InboundMessage

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
MESSAGES = Path(__file__).with_name("messages")
_numbers = itertools.count(1)


def fixture(name: str) -> bytes:
    """A message of ``messages/`` as bytes."""
    return (MESSAGES / name).read_bytes()


def msh(
    kind: str, *, control_id: str = "", at: str = "20260310120000", version: str = "2.3.1", charset: str = ""
) -> str:
    control_id = control_id or f"C{next(_numbers)}"
    return f"MSH|^~\\&|EMR|NORTH|RIS|RAD|{at}||{kind}|{control_id}|P|{version}||||||{charset}"


def pid(
    number: str = "T100", *, name: str = "ZZTEST^ALPHA", born: str = "19450714", sex: str = "F", rest: str = ""
) -> str:
    return f"PID|||{number}^^^NORTH^MR||{name}||{born}|{sex}{rest}"


def orc(control: str = "NW", placer: str = "P1", *, status: str = "", timing: str = "^^^20260310130000^^R") -> str:
    return f"ORC|{control}|{placer}^EMR|||{status}||{timing}|||||DR9^ZZDOC^RITA"


def obr(
    placer: str = "P1", code: str = "CTHEADWO^CT head without contrast^L", *, fields: dict[int, str] | None = None
) -> str:
    values = {1: "1", 2: f"{placer}^EMR", 4: code, 24: "CT"} | (fields or {})
    return "OBR|" + "|".join(values.get(n, "") for n in range(1, max(values) + 1))


def seg(name: str, fields: dict[int, str]) -> str:
    """A segment from field numbers."""
    return "|".join([name, *(fields.get(n, "") for n in range(1, max(fields) + 1))])


def message(*segments: str) -> bytes:
    return ("\r".join(segments) + "\r").encode()


def order(control: str = "NW", placer: str = "P1", **header: Any) -> bytes:
    return message(msh("ORM^O01", **header), pid(), orc(control, placer), obr(placer))


def take(raw: bytes, *, address: str = "127.0.0.1", at: datetime = NOON) -> InboundMessage:
    """Store and process one message as the listener does; the row with its disposition.

    It comes some hours after ``at``, since the clock times of these messages are of a site west of Greenwich: what is
    said must not lie in the future.
    """
    (pk,) = intake.store_messages([intake.Arrival(raw, address, at + timedelta(hours=8))])
    return intake.process_message(pk, at=at)


def answer(row: InboundMessage) -> list[list[str]]:
    """The answer's segments, split into fields."""
    return [line.split("|") for line in bytes(row.answer or b"").decode().strip("\r").split("\r")]
