"""A version of a report becomes a DICOM instance, once: Basic Text SR (``sr``) or Encapsulated PDF (PS3.3 A.45.1).

A retraction becomes a rejection note (``rejection``), one for each archive that has the report.
"""

from __future__ import annotations

import uuid
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    KeyObjectSelectionDocumentStorage,
)

from reporting.models import ReportVersion
from reporting.rendering.pdf import render_pdf

from ..models import Archive, ReportObject
from ..upper_layer import pdu
from .modules import REPORT, build_code, build_request_item, finish_dataset, start_dataset
from .rejection import build_rejection
from .sr import build_sr

TITLES = {
    ReportVersion.PRELIMINARY: "Preliminary report",
    ReportVersion.FINAL: "Report",
    ReportVersion.ADDENDUM: "Report with addendum",
    ReportVersion.CORRECTED: "Corrected report",
}


def build_pdf(object_: ReportObject, version: ReportVersion) -> Dataset:
    """The PDF of the version, whose patient's name is burned in."""
    dataset = start_dataset(object_, version, sop_class=EncapsulatedPDFStorage, modality="DOC")
    paper = render_pdf(version)
    # WSD: made by a workstation (PS3.3 C.8.6.1). The pages show the name and number of the patient.
    dataset.ConversionType, dataset.BurnedInAnnotation = "WSD", "YES"
    dataset.AcquisitionDateTime = ""
    dataset.DocumentTitle = TITLES[version.kind]
    dataset.ConceptNameCodeSequence = Sequence([build_code(*REPORT)])
    dataset.VerificationFlag = "UNVERIFIED" if version.kind == ReportVersion.PRELIMINARY else "VERIFIED"
    dataset.RequestAttributesSequence = Sequence([_build_request_attributes(version)])
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(paper)
    # OB has an even length; the true one is said beside it (PS3.3 C.24.2).
    dataset.EncapsulatedDocument = paper + b"\0" * (len(paper) % 2)
    return finish_dataset(dataset)


def _build_request_attributes(version: ReportVersion) -> Dataset:
    """The Request Attributes macro has the procedure's code and numbers, and no order numbers of the EMR."""
    item = build_request_item(version.report.procedure)
    for keyword in ("PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest"):
        delattr(item, keyword)
    return item


STORAGE_CLASSES = {
    ReportObject.SR: BasicTextSRStorage,
    ReportObject.PDF: EncapsulatedPDFStorage,
    ReportObject.KOS: KeyObjectSelectionDocumentStorage,
}
"""What is stored in archives, by form. The conformance statement is printed from here."""
_MAKERS = {ReportObject.SR: build_sr, ReportObject.PDF: build_pdf, ReportObject.KOS: build_rejection}
_OURS = uuid.UUID("5e0c9f0e-6d0a-4a6b-9a41-1f6c5b1a7d3e")


def derive_uid(*parts: object) -> str:
    """The same UID (PS3.5 B.2) for the same parts, whenever and wherever it is asked for."""
    return f"2.25.{uuid.uuid5(_OURS, '|'.join(map(str, parts))).int}"


def get_or_create_object(
    version: ReportVersion, form: str, language: str, archive: Archive | None = None
) -> ReportObject:
    """The row of the version's instance in that form; made on first sight, its file later. ``archive``: of a note."""
    accession = version.report.item.accession
    # A series is of one study: where the images are in another than was ordered, its reports are a series there.
    performed_study_uid = version.report.procedure.performed_study_uid
    moved_to = [performed_study_uid] if performed_study_uid else []
    to = [f"archive {archive.pk}"] if archive else []
    made, _ = ReportObject.objects.get_or_create(
        version=version,
        form=form,
        archive=archive,
        defaults={
            "language": language,
            "uid": derive_uid(accession, version.report_id, version.number, version.sha256, form, *to),
            "series_uid": derive_uid(accession, version.report_id, form, *moved_to, *to),
        },
    )
    return made


def load_file(object_id: int) -> bytes:
    """The instance as a DICOM file. Of two who make it at once one is kept; from then on it stays as it is.

    So an archive that gets it twice gets the same, though the patient's name was corrected in between.
    """
    row = ReportObject.objects.get(pk=object_id)
    if row.file is None:
        version = ReportVersion.objects.select_related(
            "author", "report__item", "report__procedure__order__site", "report__procedure__order__patient"
        ).get(pk=row.version_id)
        file = _as_file(_MAKERS[row.form](row, version))
        # Only where there is none: the first of two who made it wins, and both go on with that one.
        ReportObject.objects.filter(pk=object_id, file=None).update(file=file)
        row.refresh_from_db(fields=["file"])
    return bytes(row.file or b"")


def parse_file(file: bytes) -> Dataset:
    """The file as a dataset with its file meta information."""
    return dcmread(BytesIO(file))


def _as_file(dataset: Dataset) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID, meta.ImplementationVersionName = UID(pdu.IMPLEMENTATION_UID), pdu.IMPLEMENTATION_NAME
    dataset.file_meta = meta
    out = BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()
