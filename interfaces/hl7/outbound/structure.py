"""What every receiver needs of our messages: the order of segments, and the fields that must not be empty.

Lengths of values are not looked at: a receiver that has limits says so in a conformance profile of the destination.
"""

from __future__ import annotations

import re

STRUCTURES = {
    "ORU_R01": r"MSH PID( PV1)?( ORC)? OBR( NTE)*( OBX( NTE)*)+",
    "ORM_O01": r"MSH PID PV1( AL1)*( ORC OBR( NTE)*( DG1)*( OBX)*| ZDS)+",
    "OMI_O23": r"MSH PID PV1( AL1)*( ORC( TQ1)* OBR( NTE)*( DG1)*( OBX)*( IPC)+)+",
    "SIU_S12": r"MSH SCH( NTE)* PID PV1( DG1)*( RGS( AIS( NTE)*)*( AIG)*( AIL)*( AIP)*)+",
    "DFT_P03": r"MSH EVN PID PV1( FT1( PR1)*)+( DG1)*",
    "ADT_A01": r"MSH EVN PID PV1( AL1)*",
    "ADT_A37": r"MSH EVN PID PV1 PID( PV1)?",
    "ADT_A39": r"MSH EVN PID MRG( PV1)?",
}
"""Message structure → its segments as we write them, a part of what HL7 allows (chapters 3, 4, 6, 7, 10)."""

REQUIRED = {
    "MSH": (3, 5, 7, 9, 10, 11, 12),
    "EVN": (1, 2),
    "PID": (3, 5),
    "MRG": (1,),
    "PV1": (2,),
    "ORC": (1, 3),
    "OBR": (3, 4),
    "OBX": (2, 3, 11),
    "NTE": (3,),
    "TQ1": (7,),
    "IPC": (1, 2, 3, 4, 5),
    "ZDS": (1,),
    "SCH": (6,),
    "RGS": (1,),
    "AIS": (1, 3),
    "AIG": (1, 3),
    "AIL": (1, 3),
    "AIP": (1, 3),
    "FT1": (4, 6, 7),
    "PR1": (1, 3, 5),
}
"""Segment → its fields without which a receiver cannot use it."""


def find_structure_fault(text: str, structure: str) -> str:
    """The first thing that is wrong with the message ``text`` of the structure, naming the place; empty: nothing."""
    lines = [line.split("|") for line in text.split("\r") if line]
    names = [line[0] for line in lines]
    expected = STRUCTURES.get(structure)
    if expected is None:
        return f"MSH-9: the structure {structure[:20]} is not written here."
    if not re.fullmatch(expected, " ".join(names)):
        return f"The segments are not those of {structure}: {' '.join(_runs(names))[:180]}."
    counts: dict[str, int] = {}
    for name, *fields in lines:
        counts[name] = counts.get(name, 0) + 1
        if name == "MSH":
            fields = ["|", *fields]  # MSH-1 is the separator itself
        for number in REQUIRED.get(name, ()):
            if len(fields) < number or not fields[number - 1]:
                place = name if counts[name] == 1 else f"{name}[{counts[name]}]"
                return f"{place}-{number} is empty; a receiver needs it."
    return ""


def _runs(names: list[str]) -> list[str]:
    """``OBX OBX OBX`` as one ``OBX``, so that the fault stays short."""
    return [name for n, name in enumerate(names) if n == 0 or names[n - 1] != name]
