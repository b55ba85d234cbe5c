"""An MRRT file (IHE Management of Radiology Report Templates, rev. 1.6) as a template of plain text with fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ris.kernel.errors import Invalid

from ..fields import safe_option
from .tree import Node, TreeReader, read_tree

MOST_BYTES = 1_000_000
SECTIONS = ("technique", "comparison", "findings", "impression")
_SECTION_OF = (
    ("comparison", r"compar|vergleich|voruntersuchung|prior"),
    ("impression", r"impression|conclusion|recommendation|summary|beurteilung|empfehlung|zusammenfass|schlussfolger"),
    ("technique", r"technique|procedure|protocol|technik|untersuchung|clinical|indication|history|fragestell|anamnes|"
                  r"klinik|angaben|contrast|kontrast|dose|dosis|metadata|header"),
)  # fmt: skip
_PROPERTIES = (("min", "min"), ("max", "max"), ("step", "step"), ("unit", "data-field-units"),
               ("action", "data-field-completion-action"))  # fmt: skip
_FIELDS = ("input", "select", "textarea")
_KEPT = ("description", "publisher", "rights", "license", "date", "creator", "contributor", "created", "subject")
_BLOCKS = frozenset(
    {"p", "div", "section", "header", "tr", "li", "br", "table", "ul", "ol", "dl", "dt", "dd", "fieldset"}
)


@dataclass(slots=True)
class ReadTemplate:
    """What an MRRT file says. ``repairs``: (line, what was repaired)."""

    identifier: str
    title: str
    language: str
    sections: dict[str, str]
    fields: dict[str, dict[str, Any]]
    attributes: dict[str, Any]
    repairs: list[tuple[int, str]] = field(default_factory=list)


def read_mrrt(content: bytes) -> ReadTemplate:
    """Read a file. Raises Invalid with line (``at``: ``line N``) and reason where no template can be made of it."""
    if len(content) > MOST_BYTES:
        raise Invalid(f"A template has at most {MOST_BYTES} bytes.", at="line 1")
    try:
        text = content.decode("utf-8-sig")
        repairs = []
    except UnicodeDecodeError as error:
        text = content.decode("cp1252", errors="replace")
        line = content[: error.start].count(b"\n") + 1
        repairs = [(line, "The file is not UTF-8; it was read as Windows-1252.")]
    tree = read_tree(text)
    repairs += tree.repairs
    metas = _metas(tree, repairs)
    title = metas.get("title") or next((" ".join(n.text.split()) for n in tree.root.find("title")), "")
    if not title:
        raise Invalid("The template has no title (<title> or dcterms.title).", at="line 1")
    if "title" not in metas:
        repairs.append((1, "dcterms.title was missing; <title> was taken."))
    attributes: dict[str, Any] = {name: metas[name] for name in _KEPT if metas.get(name)}
    attributes |= _coded(tree, repairs)
    body = _Body(tree, repairs)
    sections = body.sections()
    if not any(text.strip() for text in sections.values()):
        line = next((node.line for node in tree.root.find("body")), 1)
        raise Invalid("The body has neither text nor fields in it.", at=f"line {line}")
    identifier, language = metas.get("identifier", "")[:199], metas.get("language", "en")[:8] or "en"
    return ReadTemplate(identifier, title[:199], language, sections, body.fields, attributes, sorted(set(repairs)))


def _metas(tree: TreeReader, repairs: list[tuple[int, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    charset = False
    for meta in tree.root.find("meta"):
        name = meta.attributes.get("name", "")
        charset |= "charset" in meta.attributes
        match = re.fullmatch(r"(?:dcterms|dc)\.(\w+)", name, re.IGNORECASE)
        if match and meta.attributes.get("content", "").strip():
            key, value = match[1].lower(), " ".join(meta.attributes["content"].split())
            found[key] = f"{found[key]}; {value}" if key in ("creator", "contributor") and key in found else value
    for tag in ("html", "head", "body", "title"):
        nodes = list(tree.root.find(tag))
        if not nodes:
            repairs.append((1, f"<{tag}> was missing."))
        repairs += [(node.line, f"There was a second <{tag}>; both were read.") for node in nodes[1:]]
    if not charset:
        repairs.append((1, "The character set was not named."))
    if found.get("type", "") != "IMAGE_REPORT_TEMPLATE":
        repairs.append((1, "dcterms.type was not IMAGE_REPORT_TEMPLATE."))
    if not found.get("identifier"):
        repairs.append((1, "dcterms.identifier was missing; a new one is issued."))
    return found


def _coded(tree: TreeReader, repairs: list[tuple[int, str]]) -> dict[str, Any]:
    """Codes of the template itself (``terms``) and of elements (``codes``, by their id)."""
    if not tree.xml:
        repairs.append((1, "There were no template attributes."))
        return {}
    terms, codes, schemes = [], {}, {}
    repairs += [(line, "There was a second script of attributes; both were read.") for line, _ in tree.xml[1:]]
    for line, text in tree.xml:
        xml = read_tree(text.replace("<!--", "").replace("-->", ""))
        repairs += [(line + at - 1, what) for at, what in xml.repairs]
        for content in xml.root.find("coded_content"):
            if any(content.find("coding_schemes")):
                repairs.append((line + content.line - 1, "The coding schemes stood inside the coded content."))
            break
        for scheme in xml.root.find("coding_scheme"):
            schemes[scheme.attributes.get("name", "")] = scheme.attributes.get("designator", "")
        for entry in xml.root.find("entry"):
            # HTML lowers names of attributes; MRRT writes ORIGTXT.
            target, code = entry.attributes.get("origtxt", ""), next(entry.find("code"), None)
            if target and code is not None:
                codes[target] = [code.attributes.get(name, "") for name in ("scheme", "value", "meaning")]
        if re.search(r"\borigtxt=", text):
            repairs.append((line, "ORIGTXT was written in lower case."))
        if re.search(r"<code\b[^>]*[^/]>(?!\s*</code)", text, re.IGNORECASE):
            repairs.append((line, "A <code> was not closed."))
        entries = {id(node) for entry in xml.root.find("entry") for node in entry.walk()}
        for term in xml.root.find("term"):
            code = next(term.find("code"), None)
            if id(term) not in entries and code is not None:
                values = [code.attributes.get(name, "") for name in ("scheme", "value", "meaning")]
                terms.append([term.attributes.get("type", ""), *values])
    return {name: value for name, value in (("terms", terms), ("codes", codes), ("schemes", schemes)) if value}


class _Body:
    """Turns the elements of the body into lines of text with fields."""

    def __init__(self, tree: TreeReader, repairs: list[tuple[int, str]]) -> None:
        self._tree, self._repairs = tree, repairs
        self._root = next(tree.root.find("body"), tree.root)
        self._labels = {
            n.attributes["for"]: " ".join(n.text.split()) for n in self._root.find("label") if n.attributes.get("for")
        }
        self._lists = {n.attributes.get("id", ""): n for n in self._root.find("datalist")}
        self.fields: dict[str, dict[str, Any]] = {}

    def sections(self) -> dict[str, str]:
        """Text by section of a report."""
        texts: dict[str, list[str]] = {name: [] for name in SECTIONS}
        outer = list(self._sections(self._root))
        for node in outer or [self._root]:
            title = node.attributes.get("data-section-name", "").strip() or self._header(node)
            section = section_of(title)
            text = self._text_of(node, title)
            plain = title.lower().rstrip("s") in (section.rstrip("s"), "procedure information", "procedure")
            if title and not plain and text:
                text = f"{title}:\n{text}" if "\n" in text else f"{title}: {text}"
            if text:
                texts[section].append(text)
        if not outer:
            self._repairs.append((self._root.line, "There was no <section>; all of the text is taken as findings."))
        return {name: "\n".join(parts) for name, parts in texts.items()}

    def _sections(self, node: Node) -> Iterator[Node]:
        """Outermost sections."""
        for child in node.children:
            if isinstance(child, Node):
                if child.tag == "section":
                    yield child
                else:
                    yield from self._sections(child)

    def _header(self, node: Node) -> str:
        return next((" ".join(header.text.split()) for header in node.find("header")), "")

    def _text_of(self, node: Node, title: str) -> str:
        raw = "".join(self._pieces(node))
        lines = [re.sub(r" +([.,;:])", r"\1", " ".join(line.split())) for line in raw.split("\n")]
        kept = [line for line in lines if line and line.rstrip(":").lower() != title.lower().rstrip(":")]
        return "\n".join(kept)

    def _pieces(self, node: Node) -> Iterator[str]:
        if node.tag in ("title", "datalist", "head"):
            return
        if node.tag == "label" and not node.text.strip():
            return
        if node.tag in _FIELDS or node.attributes.get("data-field-type") in ("CHECKBOX", "RADIO"):
            yield self._field(node)
            return
        yield "\n" if node.tag in _BLOCKS else ""
        for child in node.children:
            # Line breaks of the file are none of the text.
            yield " ".join(child.split("\n")) if isinstance(child, str) else "".join(self._pieces(child))
        yield ": " if node.tag == "header" and node.text.strip() else ""
        yield " " if node.tag in ("td", "th", "span", "label") else ("\n" if node.tag in _BLOCKS else "")

    def _field(self, node: Node) -> str:
        given = node.attributes
        if node.tag == "input" and given.get("type") in ("button", "submit", "reset", "hidden", "image", "file"):
            return ""
        kind = self._kind(node)
        name = self._name(node)
        options = self._options(node)
        known: dict[str, Any] = {"type": kind}
        known |= {ours: given[theirs] for ours, theirs in _PROPERTIES if given.get(theirs)}
        self.fields[name] = known
        return f"[{name}={'|'.join(options)}]" if any(options) else f"[{name}]"

    def _kind(self, node: Node) -> str:
        kind = node.attributes.get("data-field-type", "").upper()
        if not kind:
            by_type = {"number": "NUMERIC", "date": "DATE", "time": "TIME", "checkbox": "CHECKBOX"}
            kind = {"select": "SELECTION_LIST", "textarea": "TEXTAREA"}.get(
                node.tag, by_type.get(node.attributes.get("type", ""), "TEXT")
            )
            self._repairs.append((node.line, "A field had no data-field-type."))
        known = ("TEXT", "TEXTAREA", "SELECTION_LIST", "NUMERIC", "DATE", "TIME", "CHECKBOX")
        return kind if kind in known else "SELECTION_LIST" if kind == "RADIO" else "TEXT"

    def _name(self, node: Node) -> str:
        given = node.attributes
        label = (
            self._labels.get(given.get("id", ""))
            or given.get("title")
            or given.get("name")
            or given.get("id")
            or "field"
        )
        name = safe_option(label).strip(" :.")[:50] or "field"
        stem, n = name, 2
        while name in self.fields:
            name, n = f"{stem} {n}", n + 1
        return name

    def _options(self, node: Node) -> list[str]:
        given, default = node.attributes, ""
        choices: list[tuple[str, bool]] = []
        if node.tag == "textarea":
            default = node.text
        elif node.tag == "input" and given.get("type") not in ("checkbox", "radio"):
            default = given.get("value", "")
        source = self._lists.get(given.get("list", ""), node) if given.get("list") else node
        for option in source.walk():
            text = option.attributes.get("value") or option.text
            if option.tag == "option":
                choices.append((text, "selected" in option.attributes))
            elif option.tag == "input" and option.attributes.get("type") in ("checkbox", "radio"):
                choices.append((text, "checked" in option.attributes))
        options = [safe_option(text) for text, _ in choices if text.strip()]
        default = safe_option(default) or next((safe_option(text) for text, is_chosen in choices if is_chosen), "")
        return list(dict.fromkeys([default, *options])) if default or options else []


def section_of(title: str) -> str:
    """The section of our reports in which a section of that name stands; findings where none is meant."""
    return next((name for name, words in _SECTION_OF if re.search(words, title, re.IGNORECASE)), "findings")
