"""Versions: how what is released is kept, sealed and told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ris.audit.services import Actor, record
from ris.kernel.errors import Invalid
from ris.kernel.events import emit
from ris.people.models import User

from ..checks import SECTIONS, Text, refuse_unless_overridden
from ..events import ReportEvent
from ..models import Override, Report, ReportVersion
from ..seals import seal
from .report_facts import facts_of


def keep_text(
    report: Report, kind: str, author: User, at: datetime, overrides: Mapping[str, str], **more: Any
) -> ReportVersion:
    """Append the report's text as a version. Raises Invalid for a check without override, or for a critical
    finding without level or text."""
    sections = {name: getattr(report, name) for name in SECTIONS}
    needed = refuse_unless_overridden(Text(**sections), overrides, facts_of(report))
    critical = critical_finding(report.critical_level, report.critical_finding, report.critical_at or at)
    version = keep(report, kind, author, at, **sections, **critical, **more)
    Override.objects.bulk_create(
        Override(version=version, check_name=name, reason=reason[:250]) for name, reason in needed.items()
    )
    return version


def critical_finding(level: str, finding: str, found_at: datetime) -> dict[str, Any]:
    """A version's columns of a critical finding; none where there is none. Raises Invalid for half of one."""
    finding = finding.strip()
    if level and not finding:
        raise Invalid("Say what is critical, or take the mark off.", at="critical_finding")
    if finding and not level:
        raise Invalid("Say how critical the finding is: red, orange or yellow.", at="critical_level")
    return {"critical_level": level, "critical_finding": finding, "critical_at": found_at} if level else {}


def keep(report: Report, kind: str, author: User, at: datetime, **columns: Any) -> ReportVersion:
    """Append a version. The caller's guarded UPDATE of the report holds its row, so numbers do not collide."""
    before = report.versions.order_by("-number").first()
    version = ReportVersion(
        report=report, number=before.number + 1 if before else 1, kind=kind, author=author, signed_at=at, **columns
    )
    version.sha256 = seal(version, before.sha256 if before else "")
    version.save(force_insert=True)
    return version


def told(event: type[ReportEvent], version: ReportVersion, actor: Actor, action: str) -> ReportVersion:
    """Emit the fact and write the audit row; return the version."""
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
