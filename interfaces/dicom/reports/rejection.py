"""A rejection note: Key Object Selection (PS3.3 A.35.4, content by TID 2010) that names the reports to be hidden.

IHE RAD *Imaging Object Change Management*. The title is 113037, Rejected for Patient Safety Reasons, whatever the
cause: nothing of a retracted report may be used in care. 113038 is for images that were made under a wrong worklist
entry, and 113001 leaves it to an archive to go on showing what it names.
"""

from __future__ import annotations

from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import KeyObjectSelectionDocumentStorage

from reporting.models import ReportVersion

from .. import states
from ..models import ReportObject, ReportSend
from .modules import build_code, build_request_item, finish_dataset, format_user_name, start_dataset, strip_controls
from .sr import build_coded, build_item

REJECTED = ("113037", "DCM", "Rejected for Patient Safety Reasons")
_TAGS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


def build_rejection(object_: ReportObject, version: ReportVersion) -> Dataset:
    """The note for the object's archive, in the study of what it rejects. ``version``: the retraction."""
    procedure, rejected = version.report.procedure, _rejected(object_, version)
    dataset = start_dataset(object_, version, sop_class=KeyObjectSelectionDocumentStorage, modality="KO")
    if rejected:
        dataset.StudyInstanceUID = rejected[-1].StudyInstanceUID
    # Type 2 (PS3.3 C.17.6.1): present, and empty.
    dataset.ReferencedPerformedProcedureStepSequence = Sequence()
    dataset.ReferencedRequestSequence = Sequence([build_request_item(procedure)])
    dataset.CurrentRequestedProcedureEvidenceSequence = Sequence(_evidence(rejected))
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = Sequence([build_code(*REJECTED)])
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "2010"
    dataset.ContentTemplateSequence = Sequence([template])
    dataset.ContentSequence = Sequence([*_context(version), *(_named(row) for row in rejected)])
    return finish_dataset(dataset)


def _rejected(object_: ReportObject, version: ReportVersion) -> list[Dataset]:
    """What the archive has of the retracted edition, as it was stored: a study may have been linked otherwise since."""
    sent = ReportSend.objects.filter(
        archive=object_.archive, state=states.SENT, object__version__report=version.report_id,
        object__version__edition=version.edition,
    ).exclude(object__form=ReportObject.KOS)  # fmt: skip
    files = sent.order_by("object").values_list("object__file", flat=True)
    return [dcmread(BytesIO(bytes(file)), specific_tags=list(_TAGS)) for file in files if file]


def _evidence(rejected: list[Dataset]) -> list[Dataset]:
    """By study and series (PS3.3 C.17.2.1)."""
    studies: dict[str, dict[str, list[Dataset]]] = {}
    for row in rejected:
        studies.setdefault(row.StudyInstanceUID, {}).setdefault(row.SeriesInstanceUID, []).append(_reference(row))
    items = []
    for study_uid, of_study in studies.items():
        item = Dataset()
        item.StudyInstanceUID, item.ReferencedSeriesSequence = study_uid, Sequence()
        for series_uid, references in of_study.items():
            series = Dataset()
            series.SeriesInstanceUID, series.ReferencedSOPSequence = series_uid, Sequence(references)
            item.ReferencedSeriesSequence.append(series)
        items.append(item)
    return items


def _reference(row: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = row.SOPClassUID, row.SOPInstanceUID
    return item


def _context(version: ReportVersion) -> list[Dataset]:
    """Who rejected it, and why."""
    person = build_code("121006", "DCM", "Person")
    observer = build_item("HAS OBS CONTEXT", "PNAME", ("121008", "DCM", "Person Observer Name"))
    observer.PersonName = format_user_name(version.author)
    why = build_item("CONTAINS", "TEXT", ("113012", "DCM", "Key Object Description"))
    why.TextValue = strip_controls(f"{version.get_retraction_display()}: {version.reason}")
    return [build_coded("HAS OBS CONTEXT", ("121005", "DCM", "Observer Type"), person), observer, why]


def _named(row: Dataset) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "COMPOSITE"
    item.ReferencedSOPSequence = Sequence([_reference(row)])
    return item
