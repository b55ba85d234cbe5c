"""A report as Basic Text SR (PS3.3 A.35.1), content by TID 2000 Basic Diagnostic Imaging Report (PS3.16)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from zoneinfo import ZoneInfo

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import BasicTextSRStorage

from reporting.models import ReportVersion
from reporting.rendering.content import holding, parts_of
from ris.orders.models import RequestedProcedure
from ris.people.models import User

from ..models import Mpps, ReportObject
from ..mpps.dataset import decode_dataset
from .modules import (
    REPORT,
    build_code,
    build_request_item,
    finish_dataset,
    format_user_name,
    shorten_line,
    start_dataset,
    strip_controls,
)

HEADINGS = {
    "technique": (("55111-9", "LN", "Current Procedure Descriptions"), ("121065", "DCM", "Procedure Description")),
    "comparison": (("18834-2", "LN", "Previous Findings"), ("121069", "DCM", "Previous Finding")),
    "findings": (("59776-5", "LN", "Findings"), ("121071", "DCM", "Finding")),
    "impression": (("19005-8", "LN", "Impressions"), ("121073", "DCM", "Impression")),
    "addendum": (("55107-7", "LN", "Addendum"), ("121071", "DCM", "Finding")),
}
"""Section of a report → heading (CID 7001) and the concept of its text (CID 7002)."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A person's signature under a version."""

    by: User
    at: datetime


@dataclass(frozen=True, slots=True)
class ReportContent:
    """``sections``: (name, text) in reading order, addenda last; ``authors``: each once, the first writer first."""

    sections: tuple[tuple[str, str], ...]
    authors: tuple[User, ...]
    signatures: tuple[Signature, ...]
    final: bool


def build_content(version: ReportVersion) -> ReportContent:
    """All that holds with this version. Of a preliminary nobody has signed anything."""
    holds, final = holding(version), version.kind != ReportVersion.PRELIMINARY
    authors = [author for held in holds for author in (held.first_author, held.author) if author]
    return ReportContent(
        sections=tuple((part.section, part.text) for part in parts_of(version)),
        authors=tuple(dict.fromkeys(authors)),
        signatures=tuple(Signature(held.author, held.signed_at) for held in holds) if final else (),
        final=final,
    )


def build_sr(object_: ReportObject, version: ReportVersion) -> Dataset:
    """The SR document. It replaces the one before it: what was added to comes along whole."""
    procedure, content = version.report.procedure, build_content(version)
    dataset = start_dataset(object_, version, sop_class=BasicTextSRStorage, modality="SR")
    # Type 2 (PS3.3 C.17.1): present, and empty where nothing is known. So are the other empty sequences here.
    dataset.ReferencedPerformedProcedureStepSequence = Sequence()
    # Three independent facts (PS3.3 C.17.2): all said, signed by a person, not preliminary.
    dataset.CompletionFlag = "COMPLETE" if content.final else "PARTIAL"
    dataset.VerificationFlag = "VERIFIED" if content.signatures else "UNVERIFIED"
    dataset.PreliminaryFlag = "FINAL" if content.final else "PRELIMINARY"
    if content.signatures:
        # Required where VERIFIED, forbidden where UNVERIFIED.
        dataset.VerifyingObserverSequence = Sequence(_verifiers(content, procedure))
    dataset.AuthorObserverSequence = Sequence(
        _author(format_user_name(author), procedure) for author in content.authors
    )
    dataset.ReferencedRequestSequence = Sequence([build_request_item(procedure)])
    dataset.PerformedProcedureCodeSequence = Sequence()
    if evidence := _evidence(procedure):
        dataset.CurrentRequestedProcedureEvidenceSequence = Sequence(evidence)
    if before := _predecessor(object_, version):
        dataset.PredecessorDocumentsSequence = Sequence([before])
    _content(dataset, content, procedure, object_.language)
    return finish_dataset(dataset)


def _verifiers(content: ReportContent, procedure: RequestedProcedure) -> list[Dataset]:
    zone, items = ZoneInfo(procedure.order.site.time_zone), []
    for signed in content.signatures:
        item = Dataset()
        item.VerifyingOrganization = shorten_line(procedure.order.site.name, "LO")
        item.VerificationDateTime = f"{signed.at.astimezone(zone):%Y%m%d%H%M%S%z}"
        item.VerifyingObserverName = format_user_name(signed.by)
        item.VerifyingObserverIdentificationCodeSequence = Sequence()
        items.append(item)
    return items


def _author(name: str, procedure: RequestedProcedure) -> Dataset:
    item = Dataset()
    item.ObserverType, item.PersonName = "PSN", name
    item.PersonIdentificationCodeSequence = Sequence()
    item.InstitutionName = shorten_line(procedure.order.site.name, "LO")
    item.InstitutionCodeSequence = Sequence()
    return item


def _evidence(procedure: RequestedProcedure) -> list[Dataset]:
    """The images that devices named in MPPS, by study and series; devices that named none are left out."""
    studies: dict[str, list[Dataset]] = {}
    known = Mpps.objects.filter(performed__steps__procedure=procedure).select_related("performed").distinct()
    for mpps in known.order_by("pk"):
        for series in decode_dataset(mpps.dataset).get("PerformedSeriesSequence") or []:
            objects = [
                *(series.get("ReferencedImageSequence") or []),
                *(series.get("ReferencedNonImageCompositeSOPInstanceSequence") or []),
            ]
            if not objects or not series.get("SeriesInstanceUID"):
                continue
            item = Dataset()
            item.SeriesInstanceUID = series.SeriesInstanceUID
            item.ReferencedSOPSequence = Sequence(_reference(reference) for reference in objects)
            studies.setdefault(mpps.performed.study_uid or procedure.image_study_uid, []).append(item)
    return [_of_study(uid, series) for uid, series in studies.items()]


def _reference(of: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = of.ReferencedSOPClassUID, of.ReferencedSOPInstanceUID
    return item


def _of_study(uid: str, series: list[Dataset]) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID, item.ReferencedSeriesSequence = uid, Sequence(series)
    return item


def _predecessor(object_: ReportObject, version: ReportVersion) -> Dataset | None:
    """The SR of the version before, if there is one: a preliminary that was not sent has none."""
    # Only in the same form: a PDF is no predecessor of an SR.
    earlier = ReportObject.objects.filter(
        version__report=version.report_id,
        version__edition=version.edition,
        version__number__lt=version.number,
        form=object_.form,
    )
    before = earlier.order_by("-version__number").first()
    if before is None:
        return None
    reference, series = Dataset(), Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = BasicTextSRStorage, before.uid
    series.SeriesInstanceUID, series.ReferencedSOPSequence = before.series_uid, Sequence([reference])
    return _of_study(_study_of(before) or version.report.procedure.image_study_uid, [series])


def _study_of(object_: ReportObject) -> str:
    """The study under which it was stored: the exam may have been linked to another since. Empty: not made yet."""
    if object_.file is None:
        return ""
    tags = ["StudyInstanceUID"]
    return str(dcmread(BytesIO(bytes(object_.file)), specific_tags=tags).StudyInstanceUID)


def _content(dataset: Dataset, content: ReportContent, procedure: RequestedProcedure, language: str) -> None:
    """The document's root and what it holds: TID 2000 with TID 1204, 1001 (1002, 1003) and 2002."""
    dataset.ValueType = "CONTAINER"
    dataset.ConceptNameCodeSequence = Sequence([build_code(*REPORT)])
    # SEPARATE: sections are items of their own, not one running text (PS3.3 C.17.3).
    dataset.ContinuityOfContent = "SEPARATE"
    template = Dataset()
    # The template is named at its container, which is the root (PS3.3 C.18.8).
    template.MappingResource, template.TemplateIdentifier = "DCMR", "2000"
    dataset.ContentTemplateSequence = Sequence([template])
    procedure_code = build_code(
        shorten_line(procedure.code, "SH"), shorten_line(procedure.coding_system or "L", "SH"), str(procedure)
    )
    dataset.ContentSequence = Sequence(
        [
            build_coded("HAS CONCEPT MOD", ("121058", "DCM", "Procedure reported"), procedure_code),
            build_coded(
                "HAS CONCEPT MOD",
                ("121049", "DCM", "Language of Content Item and Descendants"),
                build_code(language, "RFC5646", language),
            ),
            *_observers(content, procedure),
            *(_section(name, text) for name, text in content.sections),
        ]
    )


def _observers(content: ReportContent, procedure: RequestedProcedure) -> list[Dataset]:
    items = []
    for author in content.authors:
        items.append(
            # Each observer begins with the type, so that a reader can tell where the next one begins (TID 1002).
            build_coded("HAS OBS CONTEXT", ("121005", "DCM", "Observer Type"), build_code("121006", "DCM", "Person"))
        )
        name = build_item("HAS OBS CONTEXT", "PNAME", ("121008", "DCM", "Person Observer Name"))
        name.PersonName = format_user_name(author)
        organization = build_item("HAS OBS CONTEXT", "TEXT", ("121009", "DCM", "Person Observer's Organization Name"))
        organization.TextValue = shorten_line(procedure.order.site.name, "LO")
        items += [name, organization]
    return items


def _section(name: str, text: str) -> Dataset:
    heading, concept = HEADINGS[name]
    section = build_item("CONTAINS", "CONTAINER", heading)
    section.ContinuityOfContent = "SEPARATE"
    inside = build_item("CONTAINS", "TEXT", concept)
    # A UT parts lines with CR LF (PS3.5 6.1.3).
    inside.TextValue = "\r\n".join(strip_controls(text).splitlines())
    section.ContentSequence = Sequence([inside])
    return section


def build_item(relationship: str, value_type: str, concept: tuple[str, str, str]) -> Dataset:
    """A content item without its value (PS3.3 C.17.3)."""
    item = Dataset()
    item.RelationshipType, item.ValueType = relationship, value_type
    item.ConceptNameCodeSequence = Sequence([build_code(*concept)])
    return item


def build_coded(relationship: str, concept: tuple[str, str, str], value: Dataset) -> Dataset:
    """A content item whose value is a code."""
    item = build_item(relationship, "CODE", concept)
    item.ConceptCodeSequence = Sequence([value])
    return item
