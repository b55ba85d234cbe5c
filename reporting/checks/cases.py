"""Cases as JSON has them: facts and sections in whatever words, read into plain values. Each may be missing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from ris.kernel.errors import Invalid

from .facts import Communication, Facts, PriorExam, side_of_procedure
from .text import SECTIONS, Text

# fmt: off
_SIDES = {
    "l": "L", "left": "L", "links": "L", "r": "R", "right": "R", "rechts": "R", "b": "B", "both": "B", "bilateral": "B",
    "beidseits": "B",
}
_SEXES = {
    "f": "F", "female": "F", "woman": "F", "weiblich": "F", "m": "M", "male": "M", "man": "M", "männlich": "M",
}
_NO_CONTRAST = frozenset([
    "", "no", "none", "false", "0", "without", "non-contrast", "noncontrast", "unenhanced", "n", "not given", "nein",
    "nativ", "keine", "kein", "wo",
])
_PER_YEAR = {
    "d": 365.25, "day": 365.25, "days": 365.25, "w": 52.18, "week": 52.18, "weeks": 52.18, "m": 12, "month": 12,
    "months": 12,
}
_DATES = ("date", "exam_date", "day", "study_date", "performed_at")
_DESCRIPTIONS = ("procedure", "description", "study", "region", "body_part", "name", "title")
_RECEIVERS = ("to", "receiver", "recipient", "told", "received_by", "who", "person")
_TIMES = ("at", "time", "when", "received_at", "date", "datetime", "timestamp")
# fmt: on


def read_case(case: Mapping[str, Any]) -> tuple[Facts, Text]:
    """Facts and text of a case as JSON has it: ``{"facts": {…}, "sections": {…}}``, or all names at one level.

    Raises Invalid for what is no object, naming the field.
    """
    if not isinstance(case, Mapping):
        raise Invalid("A case is a JSON object with facts and sections.", at="case")
    given = case.get("facts", case)
    texts = case.get("sections") or case.get("text") or case.get("report") or case
    if isinstance(texts, str):
        texts = {"findings": texts}
    for name, value in (("facts", given), ("sections", texts)):
        if not isinstance(value, Mapping):
            raise Invalid("This is not a JSON object.", at=name)
    folded = {str(name).lower(): value for name, value in texts.items()}
    sections = {name: str(folded.get(name) or "") for name in SECTIONS}
    return read_facts(given), Text(**sections)


def read_facts(given: Mapping[str, Any]) -> Facts:
    """Facts from JSON; what cannot be understood counts as not known."""
    procedure = given.get("procedure")
    if isinstance(procedure, Mapping):
        procedure = procedure.get("name") or procedure.get("description") or procedure.get("code")
    procedure = _words(procedure)
    return Facts(
        procedure=procedure,
        modality=_words(given.get("modality")).upper(),
        laterality=_SIDES.get(_words(given.get("laterality")).lower(), "") or side_of_procedure(procedure),
        sex=_SEXES.get(_words(given.get("sex")).lower(), ""),
        gender_identity=_words(given.get("gender_identity")),
        organs=_organs(given.get("organs")),
        age=_age(given.get("age")),
        exam_date=read_day(given.get("exam_date")),
        contrast_ordered=_contrast(given.get("contrast_ordered")),
        contrast_given=_contrast(given.get("contrast_given")),
        priors=_priors(given.get("priors")),
        patient_name=_words(given.get("patient_name")),
        patient_id=_words(given.get("patient_id")),
        communications=_communications(given.get("communications")),
        template_sections=_template(given.get("template_sections")),
    )


def read_day(value: Any) -> date | None:
    """A day from ISO text, ``YYYYMMDD``, or a date."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = _words(value)
    for size, form in ((10, "%Y-%m-%d"), (8, "%Y%m%d"), (10, "%d.%m.%Y"), (10, "%m/%d/%Y")):
        try:
            return datetime.strptime(text[:size], form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    return None


def _first(value: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((value[name] for name in names if value.get(name)), None)


def _words(value: Any) -> str:
    return "" if value is None or isinstance(value, (list, Mapping)) else str(value).strip()


def _organs(value: Any) -> tuple[str, ...]:
    """Organs on record. A mapping says of each whether it is there; absent ones are left out."""
    if isinstance(value, str):
        return tuple(part.strip().lower() for part in re.split(r"[,;]", value) if part.strip())
    if isinstance(value, Mapping):
        absent = (False, None, "absent", "no", 0)
        return tuple(str(name).lower() for name, there in value.items() if there not in absent)
    if isinstance(value, Sequence):
        names = [organ.get("name") or organ.get("organ") if isinstance(organ, Mapping) else organ for organ in value]
        return tuple(str(name).lower() for name in names if name)
    return ()


def _age(value: Any) -> float | None:
    """Years; ``45``, ``045Y``, ``6 months``, ``3W``."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value)
    match = re.match(r"\s*(\d{1,3}(?:\.\d+)?)\s*([A-Za-z]*)", str(value))
    # Without a unit, or with years (Y), the number is years already.
    return float(match.group(1)) / _PER_YEAR.get(match.group(2).lower(), 1) if match else None


def _contrast(value: Any) -> bool | None:
    """Whether contrast: a truth, an amount, an agent, or a word such as *without*; None where it is not said."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return value > 0
    if isinstance(value, Mapping):
        if "given" in value:
            return _contrast(value["given"])
        return any(_contrast(part) for part in value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return bool(value)
    text = str(value).strip().lower()
    # “With and without” says that contrast was given; oral contrast is not intravenous.
    denied = text.startswith(("no ", "without", "non", "ohne", "nativ", "oral")) and " with " not in f"{text} "
    return text not in _NO_CONTRAST and not denied


def _priors(value: Any) -> tuple[PriorExam, ...] | None:
    if value is None:
        return None
    if isinstance(value, (str, Mapping)):
        value = [value]
    return tuple(_prior(prior) for prior in value)


def _prior(value: Any) -> PriorExam:
    if isinstance(value, Mapping):
        day = _first(value, _DATES)
        description = " ".join(_words(value.get(name)) for name in _DESCRIPTIONS).strip()
        modality = _words(value.get("modality")).upper()
        return PriorExam(read_day(day), modality, description, _words(value.get("accession")))
    text = _words(value)
    match = re.search(r"\d{4}-\d{2}-\d{2}|\d{8}|\d{2}\.\d{2}\.\d{4}|\d{2}/\d{2}/\d{4}", text)
    return PriorExam(read_day(match.group()) if match else None, "", text)


def _communications(value: Any) -> tuple[Communication, ...]:
    if not value:
        return ()
    if isinstance(value, (str, Mapping)):
        value = [value]
    return tuple(_communication(told) for told in value if told)


def _communication(value: Any) -> Communication:
    if not isinstance(value, Mapping):
        return Communication(receiver=_words(value), at="?")
    receiver, at = _words(_first(value, _RECEIVERS)), _words(_first(value, _TIMES))
    return Communication(receiver, at, _words(value.get("finding")))


def _template(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str):
        value = re.split(r"[,;]", value)
    names = [part.get("name") if isinstance(part, Mapping) else part for part in value]
    return tuple(str(name).strip().lower() for name in names if name)
