"""An order message cut into its groups: ORC with all that belongs to it, wherever a sender put it."""

from __future__ import annotations

from dataclasses import dataclass, field

from interfaces.hl7.v2.parser import Message, Segment

PATIENT_SEGMENTS = frozenset({"MSH", "EVN", "PID", "PD1", "PV1", "PV2", "AL1", "MRG", "IN1", "IN2", "GT1", "NK1"})


@dataclass
class Request:
    """One OBR with its notes, observations and scheduled steps."""

    obr: Segment | None = None
    notes: list[Segment] = field(default_factory=list)
    observations: list[Segment] = field(default_factory=list)
    steps: list[Segment] = field(default_factory=list)
    study: Segment | None = None
    timing: Segment | None = None


@dataclass
class Group:
    """One ORC with its requests. ``orc`` is None where a sender left it out."""

    orc: Segment | None = None
    timing: Segment | None = None
    requests: list[Request] = field(default_factory=list)

    def request(self) -> Request:
        """The request that segments belong to just now."""
        if not self.requests:
            self.requests.append(Request())
        return self.requests[-1]


def groups(message: Message) -> list[Group]:
    """The order groups in order. IPC, ZDS and NTE that come before the first ORC or OBR go to the first group."""
    found: list[Group] = [Group()]
    for segment in message.segments:
        if segment.name == "ORC":
            if found[-1].orc is not None or any(r.obr for r in found[-1].requests):
                found.append(Group())
            found[-1].orc = segment
        elif segment.name == "OBR":
            current = found[-1].request()
            if current.obr is not None:
                current = Request(timing=found[-1].timing)
                found[-1].requests.append(current)
            current.obr = segment
        else:
            _belongs(found[-1], segment)
    return [group for group in found if group.orc or any(request.obr or request.steps for request in group.requests)]


def _belongs(group: Group, segment: Segment) -> None:
    if segment.name == "NTE":
        group.request().notes.append(segment)
    elif segment.name == "OBX":
        group.request().observations.append(segment)
    elif segment.name == "IPC":
        group.request().steps.append(segment)
    elif segment.name == "ZDS":
        group.request().study = segment
    elif segment.name == "TQ1":
        if group.requests and group.requests[-1].obr is not None:
            group.requests[-1].timing = segment
        else:
            group.timing = segment
