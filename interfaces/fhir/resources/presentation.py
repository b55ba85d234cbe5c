"""A released report as documents: narrative, HTML and PDF attachments with their sizes and hashes."""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict
from html import escape
from typing import Any

from reporting.models import ReportVersion
from reporting.rendering.content import TITLES, clean, holding_among
from reporting.rendering.pdf import render_pdf

from ..datatypes import Json, instant
from ..resource_type import Page

XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
HTML, PDF = "text/html", "application/pdf"
DOCUMENT = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"/><title>{title}</title></head>'
    "<body><h1>{title}</h1>{body}</body></html>"
)


def _sections(version: ReportVersion) -> list[tuple[str, str]]:
    """(title, text) of the sections that a version has."""
    found = ((title, clean(getattr(version, section)).strip()) for section, title in TITLES.items())
    return [(title, text) for title, text in found if text]


def render_html(versions: list[ReportVersion]) -> str:
    """The report as it stands, as XHTML paragraphs: sections in order, addenda after the text. Text is escaped."""
    parts = []
    for version in holding_among(versions):
        for title, text in _sections(version):
            lines = "<br/>".join(escape(line) for line in text.split("\n"))
            parts.append(f"<h2>{escape(title)}</h2><p>{lines}</p>")
    return "".join(parts)


def conclusion_of(versions: list[ReportVersion]) -> str:
    """Impression and addenda of the report as it stands; these are all of its versions, by number."""
    texts = [text for version in holding_among(versions) for text in (version.impression, version.addendum)]
    return "\n\n".join(clean(text).strip() for text in texts if text.strip())


def attachment(content_type: str, content: bytes, **more: Any) -> Json:
    """An Attachment that says how long the content is, and its SHA-1 in base64 (R4: hash)."""
    digest = base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
    return {"contentType": content_type, "size": len(content), "hash": digest, **more}


def presented_forms(last: ReportVersion, body: str, title: str, page: Page) -> list[Json]:
    """HTML as data, and the address of the PDF, which takes a moment to make."""
    created = instant(last.signed_at)
    html = DOCUMENT.format(title=escape(title), body=body).encode()
    data = base64.b64encode(html).decode()
    return [
        attachment(HTML, html, data=data, language="en", title=title, creation=created),
        {"contentType": PDF, "url": f"{page.base}/Binary/{last.pk}", "title": title, "creation": created},
    ]


def narrative(body: str) -> Json | None:
    """The Narrative of a report; None where there is no text."""
    return {"status": "generated", "div": f"<div {XHTML}>{body}</div>"} if body else None


class PdfCache:
    """PDFs that were made lately. A version never changes; what stands around its text may."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._made: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()

    def pdf_of(self, version: ReportVersion) -> bytes:
        """The PDF of the report as of a version."""
        order = version.report.procedure.order
        patient = order.patient
        key = (version.pk, version.sha256, order.accession, order.version, patient.version, patient.search_name)
        content = self._made.get(key) or render_pdf(version)
        self._made[key] = content
        while len(self._made) > self.most:
            self._made.popitem(last=False)
        return content


PDFS = PdfCache(256)
