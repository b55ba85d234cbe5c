"""A version of a report becomes a DICOM instance, once."""

from __future__ import annotations

import uuid
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, BasicTextSRStorage, EncapsulatedPDFStorage, ExplicitVRLittleEndian

from reporting.models import ReportVersion

from ..models import ReportObject
from ..upper_layer import pdu
from .pdf import build_pdf
from .sr import build_sr

STORAGE_CLASSES = {ReportObject.SR: BasicTextSRStorage, ReportObject.PDF: EncapsulatedPDFStorage}
"""What is stored in archives, by form. The conformance statement is printed from here."""
_MAKERS = {ReportObject.SR: build_sr, ReportObject.PDF: build_pdf}
_OURS = uuid.UUID("5e0c9f0e-6d0a-4a6b-9a41-1f6c5b1a7d3e")


def derive_uid(*parts: object) -> str:
    """The same UID (PS3.5 B.2) for the same parts, whenever and wherever it is asked for."""
    return f"2.25.{uuid.uuid5(_OURS, '|'.join(map(str, parts))).int}"


def get_or_create_object(version: ReportVersion, form: str, language: str) -> ReportObject:
    """The row of the version's instance in that form; made on first sight, its file later."""
    accession = version.report.item.accession
    made, _ = ReportObject.objects.get_or_create(
        version=version,
        form=form,
        defaults={
            "language": language,
            "uid": derive_uid(accession, version.report_id, version.number, version.sha256, form),
            "series_uid": derive_uid(accession, version.report_id, form),
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
        ReportObject.objects.filter(pk=object_id, file=None).update(file=file)
        row.refresh_from_db(fields=["file"])
    return bytes(row.file or b"")


def parse_file(file: bytes) -> Dataset:
    """The file as a dataset with its file meta information."""
    return dcmread(BytesIO(file))


def _as_file(said: Dataset) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = said.SOPClassUID, said.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID, meta.ImplementationVersionName = UID(pdu.IMPLEMENTATION_UID), pdu.IMPLEMENTATION_NAME
    said.file_meta = meta
    out = BytesIO()
    said.save_as(out, enforce_file_format=True)
    return out.getvalue()
