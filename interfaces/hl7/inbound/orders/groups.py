"""The groups of an order or result message: ORC with all that belongs to it, wherever a sender put it (HL7 4.4)."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from interfaces.hl7.v2.parser import Message, Segment


@dataclass
class Request:
    """One OBR with its notes, observations, diagnoses and scheduled steps. ``study`` is its ZDS."""

    obr: Segment | None = None
    notes: list[Segment] = field(default_factory=list)
    observations: list[Segment] = field(default_factory=list)
    diagnoses: list[Segment] = field(default_factory=list)
    steps: list[Segment] = field(default_factory=list)
    study: Segment | None = None
    timing: Segment | None = None


@dataclass
class Group:
    """One ORC with its requests. ``orc`` is None where a sender left it out.

    ``others`` are the names of segments of other kinds of orders, such as RXO.
    """

    orc: Segment | None = None
    timing: Segment | None = None
    requests: list[Request] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def obr(self) -> Segment | None:
        """The first OBR."""
        return next((request.obr for request in self.requests if request.obr), None)

    def request(self) -> Request:
        """Return the request that segments belong to just now."""
        if not self.requests:
            self.requests.append(Request())
        return self.requests[-1]


def cut_groups(message: Message) -> list[Group]:
    """Return the order groups in order.

    IPC, ZDS and NTE that come before the first ORC or OBR go to the first group; DG1 before it to every group. A ZDS
    belongs to each request before it that has none of its own.
    """
    groups: list[Group] = [Group()]
    for_all: list[Segment] = []
    for segment in message.segments:
        current = groups[-1]
        if segment.name == "ORC":
            if current.orc is not None or current.obr is not None or current.others:
                groups.append(Group())
            groups[-1].orc = segment
        elif segment.name == "OBR":
            _add_request(groups, segment)
        elif segment.name == "DG1" and current.orc is None and current.obr is None:
            for_all.append(segment)
        elif segment.name == "ZDS":
            current.request().study = segment
            _share_study(groups, segment)
        else:
            _add_segment(current, segment)
    orders = [group for group in groups if group.orc or group.obr or any(r.steps for r in group.requests)]
    for group in orders:
        group.request().diagnoses[:0] = for_all
    return orders


def _add_request(groups: list[Group], obr: Segment) -> None:
    """An OBR begins a request; one with a number of its own, where ORC has none, begins an order."""
    group = groups[-1]
    current = group.request()
    if current.obr is not None:
        numbered = group.orc is not None and group.orc.text(2)
        # An ORC without ORC-2 that stands for several orders: OBR-2 tells them apart.
        if not numbered and obr.text(2) and current.obr.text(2) and obr.text(2) != current.obr.text(2):
            group = Group(orc=group.orc, timing=group.timing)
            groups.append(group)
        current = Request(timing=group.timing)
        group.requests.append(current)
    current.obr = obr


def _share_study(groups: list[Group], zds: Segment) -> None:
    for group in groups:
        for request in group.requests:
            if request.obr is not None and request.study is None:
                request.study = zds


def _add_segment(group: Group, segment: Segment) -> None:
    name = segment.name
    if name == "NTE":
        group.request().notes.append(segment)
    elif name == "OBX":
        group.request().observations.append(segment)
    elif name == "DG1":
        group.request().diagnoses.append(segment)
    elif name == "IPC":
        group.request().steps.append(segment)
    elif name == "TQ1":
        if group.requests and group.requests[-1].obr is not None:
            group.requests[-1].timing = segment
        else:
            group.timing = segment
    elif name in OTHER_ORDERS:
        group.others.append(name)


def other_department(group: Group, known_sections: Container[str] = ()) -> str:
    """Return of which kind an order is that is no imaging order, such as ``RXO: a drug order``; empty for one that is.

    By segments that imaging orders do not have, or by OBR-24 (table 0074), unless a sender's table has given that
    section a meaning (``known_sections``).
    """
    if group.obr is None:
        return next((f"{name}: {OTHER_ORDERS[name]}" for name in group.others), "")
    section = group.obr.text(24).upper()
    if section in OTHER_SECTIONS and section not in known_sections:
        return f"OBR-24 {section}: an order of another department"
    return ""


OTHER_SECTIONS = frozenset(
    {
        "AU", "BG", "BLB", "CH", "CP", "EN", "GE", "HM", "IMM", "LAB", "MB", "MCB", "MYC", "NRS", "OSL", "PAR", "PAT",
        "PHR", "PHY", "RC", "SP", "SR", "TX", "URN", "VR",
    }
)  # fmt: skip
"""Diagnostic service sections of table 0074 that do no imaging: laboratories, pathology, pharmacy, therapies."""
OTHER_ORDERS = {
    "RXO": "a drug order", "RXE": "a drug order", "RXR": "a drug order",
    "RQD": "a supply order", "RQ1": "a supply order",
    "ODS": "a diet order", "ODT": "a diet order", "BPO": "a blood product order", "SAC": "a laboratory order",
    "SPM": "a laboratory order",
}  # fmt: skip
"""Segments that only orders of other departments have (HL7 chapter 4) → what such an order is."""
