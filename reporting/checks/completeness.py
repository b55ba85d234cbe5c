"""Checks of completeness: impression missing, field unfilled or dangling, comparison missing, nobody told of a critical
finding."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .assertions import ANOTHER, HISTORICAL, NEGATED, clause_around, kinds_at
from .facts import Facts, PriorExam
from .lexicon import names_in, pattern
from .text import BLOCK, HINT, LIKELY, SECTIONS, SURE, UNSURE, Remark, Sentence, Text, remark_on, sentences

# "[1.2 × 3 cm]" is a measurement and "[ ]" is not; "{side}" holds a single name.
_UNFILLED = re.compile(
    r"\[[ _.?*]*\]"  # [ ]  [__]  [?]
    r"|\[ *(?:mm|cm|ml|%|x|×)(?: *(?:x|×|mm|cm))* *\]"  # [ mm]
    r"|\[[A-Za-zäöüß ]{1,30}(?:[/|][A-Za-zäöüß -]{1,30})+\]"  # [left/right]
        r"|\[(?:side|laterality|level|size|date|name|location|number|organ|measurement|value|site|time|age|"
        r"seite|größe|datum|"
    r"wert|insert[^\]]{0,30}|fill[^\]]{0,30}|select[^\]]{0,30}|choose[^\]]{0,30}|enter[^\]]{0,30}|free text)\]"
        r"|\*{3}|\{[A-Za-zäöüß_ ]{1,40}\}|_{3,}|<<[^<>\n]{0,40}>>|<(?:side|size|date|name|level|value)>|"
        r"\$\{?\w{1,30}\}|@\w{2,30}@"
    r"|(?<![\w.])(?:[xX]{2,3}|\?{2,}|N{3}) ?(?:mm|cm|ml)\b|\bXXX+\b",
    re.IGNORECASE,
)  # fmt: skip
_HEADER_ONLY = re.compile(r"(?:impression|conclusion|summary|opinion|beurteilung)?\s*:?", re.IGNORECASE)
_LABEL = re.compile(r"[ \t]*(?:[-*•] *)?([A-ZÄÖÜ][\w/ ,()äöüß-]{0,40}):[ \t]*")
_LAST_LABEL = re.compile(r".*[.;] +([A-ZÄÖÜ][\w/ äöüß-]{0,40}):[ \t]*")
"""A label at the end of a line that has others before it."""
_NO_NUMBER = re.compile(
        r"\b(?:measur(?:es|ing)|measures up to|spans|diameter of|size of|length of|thickness of|approximately|"
        r"about|up to|misst|von|ca\.) +"
    r"(?:x +|by +|× *)?(?:mm|cm|ml)\b"
    r"|\b(?:mm|cm) ?[x×] ?(?:mm|cm)\b|(?<![\d.])\s[x×] ?\d+(?:[.,]\d+)? ?(?:mm|cm)\b|\d ?[x×] ?(?:mm|cm)\b"
    r"|\b(?:kidney|liver|spleen|nodule|cyst|duct|aorta|prostate|niere|leber|milz|rundherd|knoten|zyste|prostata) "
    r"(?:mm|cm)\b",
    re.IGNORECASE,
)  # fmt: skip
_BROKEN_OFF = re.compile(
    r"(?:^|[\s,])(the|a|an|of|with|in the|at the|measuring|measures|approximately|and|or|from the|by the|"
    r"is a|are|is an|"
    r"within the|there is|der|die|das|und|mit|im|von|ein|eine|zeigt)\s*(?:\.|,\s*\.|$)",
)
_GRADED = re.compile(
    r"\b(?:hepatitis|type|vitamin|grade|group|class|stage|weber|segment|zone|influenza)\s+a\s*\.?$", re.I
)
_AFTER_TREATMENT = re.compile(
    r"\b(?:post[- ]?(?:operative|surgical|procedural|biopsy)|expected|known|follow[- ]?up of|history)\b", re.I
)


def impression_missing(facts: Facts, text: Text) -> Iterator[Remark]:
    """Nothing, or only its heading, stands where the impression should. Not where the template has none."""
    if facts.template_sections is not None and not any(
        name in section for section in facts.template_sections for name in ("impression", "conclusion", "beurteilung")
    ):
        return
    if _HEADER_ONLY.fullmatch(text.impression.strip()):
        yield Remark("impression missing", "impression", "There is no impression.", "", 0, 0, SURE, BLOCK)


def unfilled_field(facts: Facts, text: Text) -> Iterator[Remark]:
    """A field of the template was left as it came. The first of each section."""
    for section in SECTIONS:
        hit = _UNFILLED.search(getattr(text, section))
        if hit:
            message = f"The field “{hit.group()}” in {section} is not filled in."
            yield Remark("unfilled field", section, message, hit.group(), hit.start(), hit.end(), SURE, BLOCK)


def dangling_field(facts: Facts, text: Text) -> Iterator[Remark]:
    """A label that nothing follows, a measurement without its number, a sentence that breaks off."""
    for section in SECTIONS:
        body = getattr(text, section)
        # An impression that is its heading only is said to be missing.
        labels = () if _HEADER_ONLY.fullmatch(body.strip()) else _empty_labels(body)
        for start, end, label in labels:
            message = f"Nothing follows “{label}:” in {section}."
            yield Remark("dangling field", section, message, f"{label}:", start, end, 0.8)
    for sentence in sentences(text):
        if _UNFILLED.search(sentence.text):
            continue  # said already
        hit = _NO_NUMBER.search(sentence.text)
        broken = _BROKEN_OFF.search(sentence.text)
        if hit:
            yield remark_on("dangling field", sentence, "A number is missing here.", hit.span(), certainty=SURE)
        elif broken and not _GRADED.search(sentence.text):
            yield remark_on("dangling field", sentence, "This sentence breaks off.", broken.span(), certainty=0.85)


def _empty_labels(body: str) -> Iterator[tuple[int, int, str]]:
    """Labels at the end of their line that no text follows before the next label or the end."""
    pending: tuple[int, int, str] | None = None
    position = 0
    for line in body.splitlines(keepends=True):
        if line.strip():
            is_label = _LABEL.match(line) is not None
            if pending and is_label:
                yield pending
            bare = line.rstrip("\r\n")
            label = _LABEL.fullmatch(bare) or _LAST_LABEL.fullmatch(bare)
            name = label.group(1).strip() if label else ""
            # A heading of its own line in capitals may have labels under it.
            is_heading = name.lower() in _HEADINGS or (name.isupper() and len(name) > 3)
            pending = (position + label.start(1), position + label.end(), name) if label and not is_heading else None
        position += len(line)
    if pending:
        yield pending


_HEADINGS = frozenset({*SECTIONS, "conclusion", "summary"})


def missing_comparison(facts: Facts, text: Text) -> Iterator[Remark]:
    """A prior of the same region is at hand, and the report compares with nothing or says that there is none."""
    if not facts.priors:
        return
    if facts.template_sections is not None and not any("compar" in name for name in facts.template_sections):
        return
    alike = [prior for prior in facts.priors if _is_alike(facts, prior)]
    if not alike:
        return
    said_none = pattern("elsewhere", "none_compared").fullmatch(text.comparison.strip().rstrip("."))
    if not said_none and (text.comparison.strip().rstrip(":.") or _compares(text)):
        return
    day = f" of {alike[0].day:%Y-%m-%d}" if alike[0].day else ""
    message = f"There is a prior exam{day} of the same region, and the report compares with none."
    certainty = 0.9 if said_none else 0.8
    yield Remark(
        "missing comparison", "comparison", message, text.comparison.strip(), 0, len(text.comparison), certainty, HINT
    )


def _compares(text: Text) -> bool:
    """Whether findings or impression speak of an earlier exam."""
    words = pattern("elsewhere", "compared")
    unchanged = pattern("unchanged", "words")
    return any(
        words.search(s.text) or unchanged.search(s.text) for s in sentences(text, "technique", "findings", "impression")
    )


def _is_alike(facts: Facts, prior: PriorExam) -> bool:
    """Of the same region; where a region cannot be told, of the same modality or procedure."""
    regions, earlier = names_in("regions", facts.procedure), names_in("regions", prior.description)
    if regions and earlier:
        sides = {side for side in ("left", "right") if side in prior.description.lower()}
        own = {"L": "left", "R": "right"}.get(facts.laterality)
        return bool(regions & earlier) and not (own and sides and own not in sides)
    if not prior.description or not facts.procedure:
        return bool(prior.modality) and prior.modality == facts.modality
    return prior.description.lower() == facts.procedure.lower()


def critical_without_communication(facts: Facts, text: Text) -> Iterator[Remark]:
    """A critical finding that is new and there, and neither the record nor the text says who was told of it.

    Not what is denied, known, unchanged, old or another's; what is only possible is a hint.
    """
    if any(told.receiver for told in facts.communications) or _says_communication(text):
        return
    for section in ("impression", "findings"):
        for sentence in sentences(text, section):
            remark = _remark(sentence)
            if remark is not None:
                yield remark
                return


def _remark(sentence: Sentence) -> Remark | None:
    for hit in pattern("critical", "always").finditer(sentence.text):
        kinds = kinds_at(sentence.text, *hit.span())
        _, clause = clause_around(sentence.text, hit.start())
        if kinds & {NEGATED, HISTORICAL, ANOTHER}:
            continue
        if pattern("unchanged", "words").search(clause) or _AFTER_TREATMENT.search(clause):
            continue
        if _is_only_excluded(sentence.text):
            continue
        message = f"“{hit.group()}” is critical, and nobody is said to have been told."
        return remark_on(
            "critical without communication", sentence, message, hit.span(), certainty=UNSURE if kinds else LIKELY
        )
    return None


def _is_only_excluded(text: str) -> bool:
    """Whether the sentence is a recommendation or a question and no finding."""
    return (
        re.search(
            r"\b(?:recommend|if (?:there is )?clinical|to exclude|evaluate for|to rule out|should be considered|"
            r"concern persists|zum ausschluss)\w*",
            text,
            re.I,
        )
        is not None
    )


def _says_communication(text: Text) -> bool:
    """Whether the text says who was told. "Findings were not communicated" is none."""
    words = pattern("communication", "words")
    return any(
        words.search(sentence.text) and not re.search(
            r"\bnot (?:yet )?(?:been )?(?:communicated|discussed|notified|reached)\b|\bwill be\b|\bto be "
            r"(?:communicated|discussed)\b", sentence.text, re.I)
        for sentence in sentences(text)
    )  # fmt: skip
