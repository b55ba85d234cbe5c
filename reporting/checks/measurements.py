"""Check of measurements: a unit that is missing, impossible for its organ, or another one in the impression."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .facts import Facts
from .lexicon import compile_words
from .text import LIKELY, SURE, Remark, Sentence, Text, remark_on, sentences

_NUMBER = r"\d+(?:[.,]\d+)?"
_MEASURED = re.compile(
    rf"(?<![\d.,/-])(?P<size>{_NUMBER}(?: ?(?:x|×|by) ?{_NUMBER}){{0,2}})[ -]?(?P<unit>mm|cm|millimet\w+|"
    rf"centimet\w+)\b",
    re.IGNORECASE,
)
_BARE = re.compile(
        rf"\b(?:measur(?:es|ing|ed|ements? (?:of|are))(?: up to| approximately| about)?|size of|diameter of|"
        rf"misst|messend|Durchmesser von) "
        rf"(?:approximately |about |up to |ca\. )?(?P<size>{_NUMBER}(?: ?(?:x|×|by) "
        rf"?{_NUMBER}){{0,2}})(?P<after>[^\d\w%]{{0,3}}(?:\w+|$)?)",
    re.IGNORECASE,
)  # fmt: skip
_PRODUCT = re.compile(
    rf"(?<![\d.,/-])(?P<size>{_NUMBER} ?(?:x|×) ?{_NUMBER}(?: ?(?:x|×) ?{_NUMBER})?)(?! "
    rf"?[x×\d]|[.,]\d)(?P<after>[^\w]{{0,2}}(?:\w+|$)?)"
)
_UNITS = re.compile(
    r"\W*(?:mm|cm|m|ml|cc|l|hu|he|mg|g|kg|degrees?|°|percent|%|millimet|centimet|ms|s|sec|mmhg|µm|um|years?|"
    r"months?|weeks?|days?|matrix|slices?|times|mgy|msv|kvp|mas|inch\w*|fr|french|gauge|t|tesla|bpm|points?|"
    r"on|out|at|standard|grade|zscore|hounsfield)(?!\w)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Measure:
    """A size: its sentence, place, largest number and unit; ``most_mm`` the largest number as millimetres."""

    sentence: Sentence
    span: tuple[int, int]
    number: str
    unit: str
    most_mm: float


# fmt: off
_ORGANS: tuple[tuple[str, tuple[str, ...], float, float], ...] = (
    ("an aorta", (
        "(?:abdominal |thoracic |ascending |descending )?aort(?:a|ic)(?: root| aneurysm| diameter)?", "AAA",
    ), 8, 150),
    ("a common bile duct", ("common (?:bile|hepatic) duct", "CBD"), 1, 40),
    ("a midline shift", ("midline shift",), 1, 35),
    ("an appendix", ("appendix", "appendiceal diameter"), 2, 50),
    ("a kidney", ("(?:left |right )?kidney (?:measures|is|measuring)", "kidneys measure", "niere misst"), 30, 250),
    ("a spleen", ("spleen (?:measures|is|measuring)", "spleen length", "milz misst"), 30, 350),
    ("a liver", ("liver (?:measures|is|measuring) ", "liver (?:span|length)", "leber misst"), 50, 350),
    ("a lung nodule", (
        "(?:pulmonary|lung|lobe|ground[- ]glass|solid|calcified) nodules?",
        "nodule in the (?:left|right) (?:upper|lower|middle) lobe",
    ), 1, 45),
    ("a wall", ("wall thickness", "wall thickening", "gallbladder wall"), 0.5, 40),
    ("an endometrium", ("endometri(?:um|al)(?: thickness| stripe)?",), 0.5, 80),
    ("a disc", ("dis[ck] (?:protrusion|bulge|herniation|extrusion)",), 0.5, 30),
    ("a prostate", ("prostate (?:measures|measuring)",), 15, 150),
    ("an ovary", ("ovary (?:measures|measuring)",), 5, 200),
    ("a thyroid nodule", ("thyroid nodule",), 1, 100),
    ("a lymph node", ("(?:lymph node|short axis)",), 1, 100),
    ("a stone", ("(?:ureteral |renal |kidney |ureteric |UVJ |UPJ )?(?:stones?|calcul(?:us|i))",), 0.5, 70),
    ("a pituitary gland", ("pituitary",), 1, 70),
    ("an effusion", ("joint effusion",), 0.5, 100),
    ("a portal vein", ("portal vein (?:measures|diameter)",), 3, 40),
    ("a meniscus tear", ("menisc\\w+",), 0.5, 50),
)
# fmt: on
"""(name, words, least, most) in millimetres of what is measured; beyond that a unit is wrong."""
_RANGES = tuple((compile_words(words), least, most, name) for name, words, least, most in _ORGANS)


def units(facts: Facts, text: Text) -> Iterator[Remark]:
    """A measurement without a unit, one that cannot be, or the same number with another unit in the impression."""
    measured: dict[str, list[Measure]] = {"findings": [], "impression": []}
    for sentence in sentences(text, "findings", "impression"):
        remark = _without_unit(sentence)
        if remark is not None:
            yield remark
        sizes = list(measures_in(sentence))
        measured[sentence.section] += sizes
        yield from filter(None, (_impossible(size) for size in sizes))
    for size in measured["impression"]:
        others = [other for other in measured["findings"] if other.number == size.number]
        is_other_unit = others and all(other.unit != size.unit for other in others)
        if is_other_unit and not any(other.most_mm == size.most_mm for other in measured["findings"]):
            message = f"The findings have {size.number} {others[0].unit}, the impression {size.number} {size.unit}."
            yield remark_on("units", size.sentence, message, size.span, certainty=SURE)


def measures_in(sentence: Sentence) -> Iterator[Measure]:
    """The sizes in mm and cm of a sentence."""
    for hit in _MEASURED.finditer(sentence.text):
        numbers = [float(number.replace(",", ".")) for number in re.findall(_NUMBER, hit.group("size"))]
        unit = "cm" if hit.group("unit").lower().startswith("c") else "mm"
        number = re.sub(r"\s+", "", hit.group("size").lower().replace(",", ".").replace("×", "x").replace("by", "x"))
        yield Measure(sentence, hit.span(), number, unit, max(numbers) * (10 if unit == "cm" else 1))


def _impossible(size: Measure) -> Remark | None:
    """The size cannot be of what its clause names last before it, or first after it."""
    text = size.sentence.text
    start = max((text.rfind(sign, 0, size.span[0]) for sign in (",", ";", " and ")), default=-1)
    before = text[max(start, 0) : size.span[0]]
    after = re.split(r"[,;]| and | with | in ", text[size.span[1] :])[0][:60]
    for words, least, most, name in _RANGES:
        if (words.search(before) or words.search(after)) and not least <= size.most_mm <= most:
            if re.search(
                r"\b(?:above|below|from|distal|proximal|superior|inferior|cranial|caudal|lesion|cyst|mass|away)\b",
                before + after,
                re.I,
            ):
                continue
            message = f"“{text[slice(*size.span)]}” cannot be the size of {name}."
            return remark_on("units", size.sentence, message, size.span, certainty=LIKELY)
    if size.most_mm > 600:
        return remark_on(
            "units", size.sentence, f"“{text[slice(*size.span)]}” is too large.", size.span, certainty=LIKELY
        )
    return None


def _without_unit(sentence: Sentence) -> Remark | None:
    for expression, certainty in ((_BARE, 0.9), (_PRODUCT, 0.85)):
        for hit in expression.finditer(sentence.text):
            rest = sentence.text[hit.end("size") :]
            if (
                _UNITS.match(rest)
                or re.match(r"\s*(?:x|×|by|to|-|–|and|/)\s*\d", rest)
                or re.match(r"\s*\(?(?:AP|TR|CC|SI)\b", rest)
            ):
                continue
            if re.search(
                r"\b(?:grade|score|matrix|ratio|index|T-score|Z-score|RI|PSV|velocity|angle|kVp|FOV|"
                r"attenuation|density|SUV\w*|HU|sequence|series|image)\b",
                sentence.text,
                re.I,
            ):
                continue
            return remark_on("units", sentence, "A measurement without a unit.", hit.span("size"), certainty=certainty)
    return None
