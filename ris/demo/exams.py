"""Which exams of the demo's catalog are ordered for whom, and why: no obstetric exam of a man."""

from __future__ import annotations

import csv
import random
from datetime import date
from functools import cache
from pathlib import Path

from .emr import DemoPatients

PROCEDURES = Path(__file__).with_name("procedures.csv")

REASONS = {
    "ABDOMEN": ["Abdominal pain", "Flank pain, stone?", "Right upper quadrant pain", "Follow-up of a liver lesion"],
    "BREAST": ["Screening", "Recall from screening"],
    "CHEST": ["Cough and fever", "Chest pain", "Shortness of breath", "Before an operation"],
    "HEAD": ["Headache, sudden", "Fall, on anticoagulants", "Seizure, first", "Confusion since this morning"],
    "HEART": ["Chest pain on exertion"],
    "NECK": ["Lump in the neck", "Dizziness"],
    "OB": ["Dating", "Growth"],
    "PELVIS": ["Pelvic pain", "Fall from standing height"],
    "SPINE-C": ["Fall from a ladder", "Arm pain and numbness"],
    "SPINE-L": ["Low back pain, down the leg", "Back pain for six weeks"],
    "SPINE-T": ["Back pain after a fall"],
    "VESSEL": ["Leg swelling", "Stroke last month"],
}
"""Body region and reasons for an exam of it."""
LIMB = ["Fall on it yesterday", "Pain for six weeks", "Twisted at sport"]

FITS: tuple[tuple[tuple[str, ...], str, int, int], ...] = (
    (("USOB",), "F", 18, 44),
    (("MGSCR",), "F", 45, 75),
    (("MG", "MRBREAST", "USBREAST"), "F", 30, 90),
    (("USPEL",), "F", 16, 80),
    (("MRPROST",), "M", 50, 85),
    (("USSCROTUM",), "M", 16, 70),
    (("CTCALCSC", "CTACOR", "CTCHESTLD", "USCAROTID"), "FM", 50, 85),
    (("CTA", "CTABD", "CTPEL"), "FM", 18, 95),
)
"""Beginnings of codes, sexes, youngest and oldest age in years; the first that fits counts, others fit everybody."""


@cache
def catalog() -> tuple[dict[str, str], ...]:
    """The rows of the demo's catalog."""
    with PROCEDURES.open(newline="", encoding="utf-8") as lines:
        return tuple(csv.DictReader(lines))


def procedure_of(code: str) -> dict[str, str]:
    """The catalog's row of a code. Raises KeyError."""
    return {row["code"]: row for row in catalog()}[code]


def fits(procedure: dict[str, str], sex: str, age: int) -> bool:
    """Whether the exam is one that a person of this sex and age is sent to."""
    for begins, sexes, youngest, oldest in FITS:
        if procedure["code"].startswith(begins):
            return sex in sexes and youngest <= age <= oldest
    return True


def choose(modality: str, patients: DemoPatients, today: date) -> tuple[str, dict[str, str]]:
    """A patient's number and an exam on a device of that modality that fits them."""
    while True:
        number = patients.pick()
        _, _, born, sex = patients.name(number)
        fitting = [p for p in catalog() if p["modality"] == modality and fits(p, sex, today.year - int(born[:4]))]
        if fitting:
            return number, patients.chance.choice(fitting)


def reason_for(procedure: dict[str, str], seed: str) -> str:
    """Why it was ordered: the same for the same seed."""
    return random.Random(seed).choice(REASONS.get(procedure["body_region"], LIMB))
