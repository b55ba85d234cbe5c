"""Keeps the searched row of each report as what holds of it: the newest text, with its addenda."""

from __future__ import annotations

from django.db import transaction

from ..models import Report, ReportVersion
from ..rendering.content import holding
from .models import SearchRow
from .terms import language_of, tags_of


@transaction.atomic
def index_report(report_id: int) -> SearchRow | None:
    """Write the searched row of a report from its newest version; None where nothing was released. Idempotent."""
    report = Report.objects.select_related("item").filter(pk=report_id).first()
    newest = report.versions.order_by("-number").first() if report else None
    if report is None or newest is None:
        return None
    parts = holding(newest)
    text = parts[0]
    addenda = "\n\n".join(version.addendum for version in parts if version.kind == ReportVersion.ADDENDUM)
    sections = {name: getattr(text, name) for name in ("technique", "comparison", "findings", "impression")}
    item = report.item
    row, _ = SearchRow.objects.update_or_create(
        report=report,
        defaults=sections
        | {
            "version_number": newest.number,
            "site_id": item.site_id,
            "modality": item.modality,
            "author_id": text.author_id,
            "released_at": text.signed_at,
            "language": language_of(" ".join([text.findings, text.impression])),
            "addendum": addenda,
            "tags": tags_of(item.site_id, item.modality, text.author_id, f"{text.signed_at:%Y%m}"),
        },
    )
    return row


def index_missing() -> int:
    """Index every released report whose row is missing or older than its newest version; how many."""
    found = 0
    for report_id in ReportVersion.objects.order_by("report_id").values_list("report_id", flat=True).distinct():
        newest = ReportVersion.objects.filter(report=report_id).order_by("-number").values_list("number", flat=True)[0]
        if not SearchRow.objects.filter(report=report_id, version_number=newest).exists():
            found += index_report(report_id) is not None
    return found
