"""The modules that all report objects share (PS3.3 C.7, C.12): patient, study, equipment, SOP common, request."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from reporting.models import ReportVersion
from ris.orders.models import PerformedStep, RequestedProcedure
from ris.patients.models import Identifier, Patient
from ris.patients.selectors import survivor
from ris.people.models import User

from ..encoding.charsets import PLAIN, choose_charset
from ..models import ReportObject
from ..upper_layer import pdu

MANUFACTURER = "Wetread"
SERIES = {ReportObject.SR: 9001, ReportObject.PDF: 9002, ReportObject.KOS: 9003}
"""Series Number by form: far above what devices count."""
# Characters (PS3.5 table 6.2-1).
LENGTH = {"SH": 16, "LO": 64, "ST": 1024}
# TAB, LF, FF and CR stay: texts may hold them (PS3.5 6.1.3).
_CONTROLS = dict.fromkeys(set(range(32)) - {9, 10, 12, 13})


def build_code(value: str, scheme: str, meaning: str) -> Dataset:
    """A coded concept (PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, shorten_line(meaning, "LO")
    return item


REPORT = ("18748-4", "LN", "Diagnostic Imaging Report")
"""Title of a report that is not named more narrowly (PS3.16 CID 7000)."""


def shorten_line(text: str, vr: str) -> str:
    """One line that fits the VR, cut by characters; a backslash, which would part values, becomes a slash."""
    return " ".join(strip_controls(text).replace("\\", "/").split())[: LENGTH[vr]]


def strip_controls(text: str) -> str:
    """Without control characters: an ESC could switch the character set."""
    return text.translate(_CONTROLS)


def format_user_name(person: User) -> str:
    """A user as Person Name: family^given^^^title."""
    # A user with one name only has it as family name.
    given = person.first_name if person.last_name else ""
    parts = (person.last_name or person.username, given, "", "", person.title)
    return "^".join(shorten_line(part, "LO").replace("^", " ").replace("=", " ") for part in parts).rstrip("^")


def format_patient_name(patient: Patient) -> str:
    """Alphabetic, ideographic and phonetic group, as far as known."""
    parts = (patient.family_name, patient.given_name, patient.middle_name, patient.prefix, patient.suffix)
    alphabetic = "^".join(shorten_line(part, "LO").replace("^", " ").replace("=", " ") for part in parts).rstrip("^")
    return "=".join(
        [alphabetic, strip_controls(patient.ideographic_name), strip_controls(patient.phonetic_name)]
    ).rstrip("=")


def start_dataset(object_: ReportObject, version: ReportVersion, *, sop_class: str, modality: str) -> Dataset:
    """The modules that all report objects share. Times are by the clock of the site."""
    procedure = version.report.procedure
    order = procedure.order
    zone = ZoneInfo(order.site.time_zone)
    signed = version.signed_at.astimezone(zone)
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, object_.uid
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = f"{signed:%Y%m%d}", f"{signed:%H%M%S}"
    dataset.TimezoneOffsetFromUTC = f"{signed:%z}"
    dataset.Modality, dataset.SeriesInstanceUID, dataset.SeriesNumber = (
        modality,
        object_.series_uid,
        SERIES[object_.form],
    )
    # By the signature, not by the time of sending: an instance that is made anew is the same.
    dataset.SeriesDate, dataset.SeriesTime = dataset.InstanceCreationDate, dataset.InstanceCreationTime
    dataset.ContentDate, dataset.ContentTime = dataset.InstanceCreationDate, dataset.InstanceCreationTime
    dataset.InstanceNumber = version.number
    dataset.Manufacturer, dataset.ManufacturerModelName = MANUFACTURER, MANUFACTURER
    dataset.SoftwareVersions = pdu.IMPLEMENTATION_NAME
    dataset.InstitutionName = shorten_line(order.site.name, "LO")
    _patient(dataset, survivor(order.patient), order.site.assigning_authority)
    _study(dataset, procedure, zone)
    return dataset


def _patient(dataset: Dataset, patient: Patient, authority: str) -> None:
    number = _number(patient, authority)
    dataset.PatientName = format_patient_name(patient)
    dataset.PatientID = shorten_line(number.value, "LO") if number else ""
    if number:
        dataset.IssuerOfPatientID = shorten_line(number.authority, "LO")
    dataset.PatientBirthDate = f"{patient.birth_date:%Y%m%d}" if patient.birth_date else ""
    dataset.PatientSex = patient.sex


def _number(patient: Patient, authority: str) -> Identifier | None:
    """As on the modality worklist: one that is in use, of the site, a medical record number, the oldest."""
    rows = patient.identifiers.all()
    ranked = sorted(
        rows,
        key=lambda identifier: (
            identifier.retired,
            identifier.authority != authority,
            identifier.kind != "MR",
            identifier.pk,
        ),
    )
    return ranked[0] if ranked else None


def _study(dataset: Dataset, procedure: RequestedProcedure, zone: ZoneInfo) -> None:
    order = procedure.order
    on = _performed_at(procedure)
    # Of the images, which may be in another study than was ordered: the report lies beside them.
    dataset.StudyInstanceUID = procedure.image_study_uid
    dataset.StudyDate = f"{on.astimezone(zone):%Y%m%d}" if on else ""
    dataset.StudyTime = f"{on.astimezone(zone):%H%M%S}" if on else ""
    dataset.StudyID = shorten_line(procedure.number, "SH")
    dataset.StudyDescription = shorten_line(str(procedure), "LO")
    dataset.AccessionNumber = order.accession
    dataset.ReferringPhysicianName = strip_controls(order.ordering_provider)


def _performed_at(procedure: RequestedProcedure) -> datetime | None:
    exams = PerformedStep.objects.filter(steps__procedure=procedure).order_by("started_at")
    return exams.values_list("started_at", flat=True).first()


def build_request_item(procedure: RequestedProcedure) -> Dataset:
    """An item of the Referenced Request Sequence (0040,A370)."""
    order, item = procedure.order, Dataset()
    item.AccessionNumber = order.accession
    item.ReferencedStudySequence = Sequence()
    # Here the study that was ordered: this item describes the request.
    item.StudyInstanceUID = procedure.study_uid
    item.RequestedProcedureDescription = shorten_line(str(procedure), "LO")
    coded = build_code(
        shorten_line(procedure.code, "SH"), shorten_line(procedure.coding_system or "L", "SH"), str(procedure)
    )
    item.RequestedProcedureCodeSequence = Sequence([coded])
    item.RequestedProcedureID = shorten_line(procedure.number, "SH")
    item.ReasonForTheRequestedProcedure = shorten_line(order.reason, "LO")
    item.PlacerOrderNumberImagingServiceRequest = shorten_line(order.placer_number, "LO")
    item.FillerOrderNumberImagingServiceRequest = shorten_line(order.filler_number, "LO")
    return item


def finish_dataset(dataset: Dataset) -> Dataset:
    """Name the character set: the smallest that holds every text, else UTF-8."""
    dataset.SpecificCharacterSet = list(choose_charset(list(_texts(dataset)), PLAIN)) or None
    if not dataset.SpecificCharacterSet:
        # The element may not be empty in an instance: the default repertoire is said by leaving it out (PS3.3
        # C.12.1.1.2).
        del dataset.SpecificCharacterSet
    return dataset


def _texts(dataset: Dataset) -> Iterable[tuple[str, str]]:
    for element in dataset.iterall():
        if element.VR in ("PN", "LO", "SH", "ST", "LT", "UT", "UC"):
            yield str(element.VR), str(element.value or "")
