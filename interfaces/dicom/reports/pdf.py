"""A report as Encapsulated PDF (PS3.3 A.45.1): the very page that people print."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EncapsulatedPDFStorage

from reporting.models import ReportVersion
from reporting.rendering.pdf import render_pdf

from ..models import ReportObject
from .modules import REPORT, build_code, build_request_item, finish_dataset, start_dataset

TITLES = {
    ReportVersion.PRELIMINARY: "Preliminary report",
    ReportVersion.FINAL: "Report",
    ReportVersion.ADDENDUM: "Report with addendum",
    ReportVersion.CORRECTED: "Corrected report",
}


def build_pdf(object_: ReportObject, version: ReportVersion) -> Dataset:
    """The PDF of the version, whose patient's name is burned in."""
    said = start_dataset(object_, version, sop_class=EncapsulatedPDFStorage, modality="DOC")
    paper = render_pdf(version)
    said.ConversionType, said.BurnedInAnnotation = "WSD", "YES"
    said.AcquisitionDateTime = ""
    said.DocumentTitle = TITLES[version.kind]
    said.ConceptNameCodeSequence = Sequence([build_code(*REPORT)])
    said.VerificationFlag = "UNVERIFIED" if version.kind == ReportVersion.PRELIMINARY else "VERIFIED"
    said.RequestAttributesSequence = Sequence([_request(version)])
    said.MIMETypeOfEncapsulatedDocument = "application/pdf"
    said.EncapsulatedDocumentLength = len(paper)
    said.EncapsulatedDocument = paper + b"\0" * (len(paper) % 2)
    return finish_dataset(said)


def _request(version: ReportVersion) -> Dataset:
    """The Request Attributes macro has the procedure's code and numbers, and no order numbers of the EMR."""
    item = build_request_item(version.report.procedure)
    for keyword in ("PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest"):
        delattr(item, keyword)
    return item
