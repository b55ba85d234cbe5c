"""Reports for tests: written and released in few words."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from pypdf import PdfReader

from reporting import services
from reporting.models import ReportVersion
from reporting.rendering.pdf import render_pdf
from ris.audit.services import Actor
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist

NORMAL = {"findings": "No acute intracranial abnormality.", "impression": "Normal."}


def by(user: User) -> dict[str, Any]:
    return {"reader": user, "actor": Actor.of_user(user), "at": NOON}


def signed(reader: User, sections: dict[str, str] = NORMAL, **order: Any) -> ReportVersion:
    """A final report of a fresh case, signed by ``reader`` alone."""
    item = worklist.claim(make_item(**order).pk, **by(reader))
    report = services.save_draft(item.pk, revision=0, sections=sections, **by(reader))
    reasons = {"unfilled field": "it is a test"}
    return services.sign(item.pk, revision=report.revision, overrides=reasons, **by(reader))


def preliminary(sections: dict[str, str] = NORMAL, **order: Any) -> ReportVersion:
    """A resident's preliminary report of a fresh case."""
    resident = make_reader("resident", role=Role.RESIDENT)
    item = worklist.claim(make_item(**order).pk, **by(resident))
    report = services.save_draft(item.pk, revision=0, sections=sections, **by(resident))
    return services.sign_preliminary(item.pk, revision=report.revision, **by(resident))


def printed(version: ReportVersion) -> str:
    """What its PDF says, in one line."""
    pages = PdfReader(BytesIO(render_pdf(version))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())
