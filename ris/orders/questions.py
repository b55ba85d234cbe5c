"""What a technologist asks before an exam begins: questions by modality, contrast, side and patient; what was asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from django.db import models

CONTRAST = re.compile(r"\bwith\b(?!out).*\bcontrast\b|\bCTA\b|\bMRA\b|\bangio", re.IGNORECASE)
IONISING = frozenset({"CT", "CR", "DX", "XR", "RF", "XA", "NM", "PT", "MG"})
CHILDBEARING = (12, 55)
"""Ages in years at which women are asked, at the least and at the most."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question that is ticked when it was asked and answered. ``key`` stays; the text may change."""

    key: str
    text: str


def questions_for(
    *, modality: str, exam: str, laterality: str, sex: str, birth_date: date | None, on: date
) -> tuple[Question, ...]:
    """What is asked before this exam; who the patient is, always.

    A man is not asked for pregnancy, nor somebody outside of CHILDBEARING; an unknown sex or age is asked.
    """
    found = [Question("identity", "Name and date of birth, said by the patient")]
    if laterality:
        side = {"L": "left", "R": "right"}.get(laterality, "both sides")
        found.append(Question("side", f"The side: {side}"))
    if modality == "MR":
        found.append(Question("implants", "Pacemaker, implants, metal in the eyes, insulin pump"))
    if CONTRAST.search(exam):
        found.append(Question("contrast", "Earlier reaction to contrast medium, asthma"))
        found.append(Question("kidney", "Kidney disease; metformin; creatinine or eGFR looked at"))
    if modality in IONISING | {"MR"} and _may_be_pregnant(sex, birth_date, on):
        found.append(Question("pregnancy", "Pregnancy, breast-feeding"))
    return tuple(found)


def _may_be_pregnant(sex: str, birth_date: date | None, on: date) -> bool:
    if sex == "M":
        return False
    if birth_date is None:
        return True
    years = on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))
    return CHILDBEARING[0] <= years <= CHILDBEARING[1]


class AskedQuestion(models.Model):
    """A question that was asked and answered before the exam of a step began (``ris.orders.questions``)."""

    step = models.ForeignKey("orders.ScheduledStep", on_delete=models.CASCADE, related_name="asked")
    key = models.CharField(max_length=16)
    text = models.CharField(max_length=120, help_text="As it stood on the screen.")
    asked_by = models.ForeignKey("people.User", null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["step", "pk"]
        constraints = [models.UniqueConstraint(fields=["step", "key"], name="asked_question_once")]

    def __str__(self) -> str:
        return f"{self.key} of step {self.step_id}"
