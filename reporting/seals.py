"""Seals: by which a version shows that neither it nor what went before was changed."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import Any

from .checks import SECTIONS
from .models import ReportVersion

_SINCE_CORRECTIONS = ("reason", "critical_level", "critical_finding", "agreement", "agreement_note")
"""Sealed where they say something: versions are older than they."""


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
    if version.kind != ReportVersion.ADDENDUM:
        body |= {name: getattr(version, name) for name in SECTIONS}
    body |= {name: getattr(version, name) for name in _SINCE_CORRECTIONS if getattr(version, name)}
    if version.critical_at:
        body["critical_at"] = version.critical_at.astimezone(UTC).isoformat()
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
