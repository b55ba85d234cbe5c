"""What stands around a case in the reading room: its images, its priors with what they said, the site's viewer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ris.catalog.viewer import fill_viewer_template
from ris.kernel.errors import Invalid, NotFound
from ris.orders.models import RequestedProcedure, Study
from ris.patients.models import Identifier
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of
from worklist.models import ReadingItem

from . import states
from .models import ReportVersion
from .selectors import priors_of, visible_reports

MOST_SHOWN = 40
"""Priors that the room lists."""


@dataclass(frozen=True, slots=True)
class Images:
    """What archives told of an exam's images. ``state``: ``complete``, ``arriving`` or ``none`` (nothing was told)."""

    state: str
    instances: int = 0
    complete_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PriorExam:
    """An earlier exam that was done. ``impression``: of its released report, for who may see it; else empty."""

    procedure: RequestedProcedure
    report_id: int | None
    report_state: str
    impression: str


def images_of(procedure: RequestedProcedure) -> Images:
    """How complete the images of an exam are, as far as an archive told."""
    study = Study.objects.filter(study_uid=procedure.image_study_uid).first()
    if study is None or not study.instances:
        return Images("none")
    return Images("complete" if study.complete_at else "arriving", study.instances, study.complete_at)


def split_priors(viewer: User, item: ReadingItem) -> tuple[list[PriorExam], list[RequestedProcedure]]:
    """The patient's other exams: those that were done, the most alike first, and those that are only ordered."""
    others = list(priors_of(viewer, item).select_related("study")[:MOST_SHOWN])
    done = [prior for prior in others if hasattr(prior, "reading_item") or hasattr(prior, "study")]
    texts = _impressions(viewer, done)
    exams = [PriorExam(prior, *texts.get(prior.pk, (None, "", ""))) for prior in done]
    return exams, [prior for prior in others if prior not in done]


def _impressions(viewer: User, priors: list[RequestedProcedure]) -> dict[int, tuple[int, str, str]]:
    """Procedure → report id, its state, and the impression that holds; only of reports that the viewer may see."""
    if Can.SEE_REPORTS not in permissions_of(viewer):
        return {}
    released = visible_reports(viewer).filter(procedure__in=priors).exclude(state=states.DRAFT)
    texts = ReportVersion.objects.filter(report__in=released).exclude(kind=ReportVersion.ADDENDUM)
    rows = texts.order_by("number").values_list("report__procedure", "report", "report__state", "impression")
    return {int(procedure or 0): (report, state, text) for procedure, report, state, text in rows}  # the newest last


def viewer_address(item: ReadingItem, prior: RequestedProcedure | None = None) -> str:
    """The address that opens an exam, beside ``prior`` if given, in the viewer of its site.

    Raises Invalid where the site has no viewer. The patient's number is the one that the site issued.
    """
    site, procedure = item.site, item.procedure
    if not site.viewer_url:
        raise Invalid("This site has no viewer yet: an administrator enters its address under Set-up, Sites.")
    numbers = Identifier.objects.filter(
        patient=procedure.order.patient_id, authority=site.assigning_authority, retired=False
    )
    values = {
        "study_uid": procedure.image_study_uid,
        "accession": item.accession,
        "patient_id": numbers.values_list("value", flat=True).first() or "",
        "prior_study_uid": prior.image_study_uid if prior else "",
    }
    return fill_viewer_template((prior and site.compare_url) or site.viewer_url, **values)


def prior_of(viewer: User, item: ReadingItem, procedure_id: int | None) -> RequestedProcedure:
    """The prior of that id, or for None the most alike that was done. Raises NotFound."""
    exams, _ = split_priors(viewer, item)
    found = next((prior.procedure for prior in exams if procedure_id in (None, prior.procedure.pk)), None)
    if found is None:
        raise NotFound("There is no such prior at your sites.")
    return found
