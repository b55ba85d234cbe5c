"""A template as an MRRT file: HTML5 that is well-formed XML too; and the check that a file is a valid one."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from html import escape
from typing import Any

from ..fields import Field, fields_of

_LOINC = {
    "technique": ("55111-9", "Current Imaging Procedure Description"),
    "comparison": ("18834-2", "Radiology Comparison Study"),
    "findings": ("59776-5", "Procedure Findings"),
    "impression": ("19005-8", "Impressions"),
}
_TITLES = {
    "technique": "Procedure Information",
    "comparison": "Comparison",
    "findings": "Findings",
    "impression": "Impression",
}
_SCHEMES = {"LOINC": "2.16.840.1.113883.6.1", "RADLEX": "2.16.840.1.113883.6.256"}
_REQUIRED = ("title", "identifier", "type", "language")
_KINDS = {"TEXT", "TEXTAREA", "SELECTION_LIST", "NUMERIC", "DATE", "TIME", "CHECKBOX"}
_TYPES = {"NUMERIC": "number", "DATE": "date", "TIME": "time", "CHECKBOX": "checkbox", "TEXT": "text"}


def write_mrrt(
    identifier: str, title: str, language: str, sections: Mapping[str, str], known: Mapping[str, Any],
    attributes: Mapping[str, Any],
) -> str:  # fmt: skip
    """The file. ``known``: properties of fields by name, ``attributes``: what else dcterms says, as it was imported."""
    metas = {"identifier": identifier, "title": title, "type": "IMAGE_REPORT_TEMPLATE", "language": language}
    metas |= {name: str(value) for name, value in attributes.items() if isinstance(value, str) and name not in metas}
    head = "\n".join(f'    <meta name="dcterms.{name}" content="{escape(value)}"/>' for name, value in metas.items())
    written = {name: text for name, text in sections.items() if text.strip()}
    body = "\n".join(_section(name, text, known) for name, text in written.items())
    return f"""<!DOCTYPE html>
<html lang="{escape(language)}">
  <head>
    <title>{escape(title)}</title>
    <meta charset="UTF-8"/>
{head}
    <script type="text/xml">
{_template_attributes(attributes, written)}
    </script>
  </head>
  <body>
{body}
  </body>
</html>
"""


def _template_attributes(attributes: Mapping[str, Any], written: Mapping[str, str]) -> str:
    terms = attributes.get("terms", [])
    named = {scheme: "" for _, scheme, _, _ in terms} | _SCHEMES | dict(attributes.get("schemes", {}))
    schemes = [f'<coding_scheme name="{escape(name)}" designator="{escape(uid)}"/>' for name, uid in named.items()]
    coded = [
        f'<term type="{escape(kind)}">{_code(scheme, value, meaning)}</term>' for kind, scheme, value, meaning in terms
    ]
    entries = [f'<entry ORIGTXT="{name}"><term>{_code("LOINC", *_LOINC[name])}</term></entry>' for name in written]
    lines = ["<template_attributes>", "  <top-level-flag>true</top-level-flag>", "  <status>ACTIVE</status>",
             "  <coding_schemes>", *(f"    {line}" for line in schemes), "  </coding_schemes>",
             *(f"  {line}" for line in coded), "  <coded_content>", *(f"    {line}" for line in entries),
             "  </coded_content>", "</template_attributes>"]  # fmt: skip
    return "\n".join(f"      {line}" for line in lines)


def _code(scheme: str, value: str, meaning: str) -> str:
    return f'<code meaning="{escape(meaning)}" value="{escape(value)}" scheme="{escape(scheme)}"/>'


def _section(section: str, text: str, known: Mapping[str, Any]) -> str:
    lines = []
    for number, line in enumerate(text.split("\n")):
        parts, end = [], 0
        for n, field in enumerate(fields_of(line)):
            parts += [
                escape(line[end : field.start]),
                _field(f"{section}-{number}-{n}", field, known.get(field.name, {})),
            ]
            end = field.end
        lines.append(f"      <p>{''.join(parts)}{escape(line[end:])}</p>")
    return (
        f'    <section id="{section}" data-section-name="{_TITLES[section]}">\n'
        f'      <header class="level1">{_TITLES[section]}</header>\n' + "\n".join(lines) + "\n    </section>"
    )


def _field(identifier: str, field: Field, known: Mapping[str, Any]) -> str:
    many = len(field.options) > 1
    kind = str(known.get("type") or ("SELECTION_LIST" if many else "TEXT"))
    kind = "SELECTION_LIST" if many and kind != "CHECKBOX" else kind
    shared = f'id="{identifier}" title="{escape(field.name)}" data-field-type="{kind}"'
    shared += f' data-field-completion-action="{escape(str(known.get("action", "NONE")))}"'
    if many:
        chosen = ' selected="selected"'
        options = "".join(
            f'<option value="{escape(option)}"{chosen if n == 0 else ""}>{escape(option)}</option>'
            for n, option in enumerate(field.options)
            if option
        )
        return f"<select {shared}>{options}</select>"
    if kind == "TEXTAREA":
        return f"<textarea {shared}>{escape(field.default)}</textarea>"
    limits = "".join(f' {name}="{escape(str(known[name]))}"' for name in ("min", "max", "step") if known.get(name))
    unit = f' data-field-units="{escape(str(known["unit"]))}"' if known.get("unit") else ""
    return f'<input type="{_TYPES.get(kind, "text")}" {shared} value="{escape(field.default)}"{limits}{unit}/>'


def check_mrrt(text: str) -> list[str]:
    """What is wrong with a file by MRRT's rules for the head, the attributes and the body; empty: it is valid."""
    if re.search(r"<!ENTITY", text, re.IGNORECASE):
        return ["line 1: entities are not allowed"]
    try:
        root = ET.fromstring(re.sub(r"<!DOCTYPE[^>]*>", "", text, count=1))  # noqa: S314  (no entities: see above)
    except ET.ParseError as error:
        return [f"line {error.position[0]}: not well-formed"]
    head, body = root.find("head"), root.find("body")
    if root.tag != "html" or head is None or body is None:
        return ["html with head and body is wanted"]
    wrong = [f"{tag}: exactly one is wanted" for tag in ("head", "body") if len(root.findall(tag)) != 1]
    wrong += ["title is wanted"] if not (head.findtext("title") or "").strip() else []
    wrong += ["meta charset is wanted"] if not any(m.get("charset") for m in head.findall("meta")) else []
    metas = {m.get("name", ""): m.get("content", "") for m in head.findall("meta")}
    wrong += [f"dcterms.{name} is wanted" for name in _REQUIRED if not metas.get(f"dcterms.{name}")]
    if metas.get("dcterms.type") != "IMAGE_REPORT_TEMPLATE":
        wrong.append("dcterms.type is IMAGE_REPORT_TEMPLATE")
    scripts = list(root.iter("script"))
    if len(scripts) != 1 or scripts[0].get("type") != "text/xml":
        wrong.append("exactly one script of type text/xml is wanted")
    return wrong + _wrong_content(scripts, body)


def _wrong_content(scripts: list[ET.Element], body: ET.Element) -> list[str]:
    wrong = []
    ids = [node.get("id") for node in body.iter() if node.get("id")]
    wrong += [f"id {name} stands twice" for name in sorted({str(name) for name in ids if ids.count(name) > 1})]
    for script in scripts[:1]:
        attributes = script.find("template_attributes")
        if attributes is None:
            return [*wrong, "template_attributes is wanted"]
        wrong += [f"{tag} is wanted" for tag in ("top-level-flag", "status", "coding_schemes", "coded_content")
                  if attributes.find(tag) is None]  # fmt: skip
        schemes = {node.get("name") for node in attributes.iter("coding_scheme")}
        for entry in attributes.iter("entry"):
            if entry.get("ORIGTXT") not in ids:
                wrong.append(f"entry of {entry.get('ORIGTXT')}: there is no such element")
        wrong += [f"scheme {code.get('scheme')} is not among the coding schemes"
                  for code in attributes.iter("code") if code.get("scheme") not in schemes]  # fmt: skip
    sections = list(body.iter("section"))
    wrong += ["a section is wanted"] if not sections else []
    wrong += ["a section without data-section-name" for node in sections if not node.get("data-section-name")]
    for tag in ("input", "select", "textarea"):
        wrong += [f"a field of type {node.get('data-field-type')}" for node in body.iter(tag)
                  if node.get("data-field-type") not in _KINDS]  # fmt: skip
    return wrong
