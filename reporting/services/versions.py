"""Versions: what was released, kept and sealed, and told.

A version is never changed afterwards. Its seal is a hash over its content and the seal of the version before it, so a
change of either shows.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from ris.audit.services import Actor, record
from ris.kernel.events import emit
from ris.people.models import User

from ..checks import SECTIONS
from ..events import ReportEvent
from ..models import Report, ReportVersion

_SINCE_CORRECTIONS = (
    "reason", "critical_level", "critical_finding", "agreement", "agreement_note", "contributors", "shown",
    "retraction", "attestation",
)  # fmt: skip
"""Columns that are younger than the first versions; sealed only where they are not empty."""


def append_version(report: Report, kind: str, author: User, at: datetime, **columns: Any) -> ReportVersion:
    """Append a version. The caller's guarded UPDATE of the report holds its row, so numbers do not collide."""
    # Number and seal follow those of the newest version, whatever its kind: one chain a report.
    before = report.versions.order_by("-number").first()
    version = ReportVersion(
        report=report,
        number=before.number + 1 if before else 1,
        edition=report.edition,
        kind=kind,
        author=author,
        signed_at=at,
        **columns,
    )
    version.sha256 = seal(version, before.sha256 if before else "")
    version.save(force_insert=True)
    return version


def announce(event: type[ReportEvent], version: ReportVersion, actor: Actor, action: str) -> ReportVersion:
    """Emit the event of a new version and write its audit row; return the version."""
    item = version.report.item
    procedure = item.procedure
    emit(
        event(
            stream=item.accession,
            at=version.signed_at,
            report_id=version.report_id,
            version_id=version.pk,
            procedure_id=procedure.pk,
            order_id=procedure.order_id,
        )
    )
    record(
        actor,
        action,
        version.report,
        patient_id=procedure.order.patient_id,
        reason=version.reason,
        at=version.signed_at,
        version=version.number,
        overridden=sorted(version.overrides.values_list("check_name", flat=True)),
        **{name: getattr(version, name) for name in ("critical_level", "agreement") if getattr(version, name)},
    )
    return version


def seal(version: ReportVersion, before: str) -> str:
    """SHA-256 of a version's canonical JSON, chained to the version before it."""
    body: dict[str, Any] = {
        "before": before,
        "number": version.number,
        "kind": version.kind,
        "author": version.author_id,
        "at": version.signed_at.astimezone(UTC).isoformat(),
        "addendum": version.addendum,
    }
    if version.kind not in (ReportVersion.ADDENDUM, ReportVersion.RETRACTED):
        body |= {name: getattr(version, name) for name in SECTIONS}
    # Empty ones are left out, because versions that were sealed before these columns existed have none.
    body |= {name: getattr(version, name) for name in _SINCE_CORRECTIONS if getattr(version, name)}
    if version.edition > 1:
        body["edition"] = version.edition
    if version.critical_at:
        body["critical_at"] = version.critical_at.astimezone(UTC).isoformat()
    # The form of this JSON must never change: old seals are compared with what it gives today.
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def broken_version(report: Report) -> ReportVersion | None:
    """The first version whose seal does not fit its content and predecessor; None when all do."""
    before = ""
    for version in report.versions.order_by("number"):
        if version.sha256 != seal(version, before):
            return version
        before = version.sha256
    return None
