"""Made-up pictures of a demo exam: a drawn phantom under the numbers that a scanner's study would bear."""

from __future__ import annotations

import math
from datetime import datetime
from functools import cache
from io import BytesIO
from zoneinfo import ZoneInfo

from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from ris.orders import states
from ris.orders.models import PerformedStep, RequestedProcedure
from ris.patients.models import Identifier

SIZE = 192
"""Rows and columns, in pixels."""
SLICES = {"CT": 10, "MR": 10, "US": 6}
FEW = 2
"""Pictures of an exam that cuts no slices."""

Ellipse = tuple[float, float, float, float, int]
BODY: tuple[Ellipse, ...] = (
    (0.5, 0.5, 0.40, 0.46, 210), (0.5, 0.5, 0.37, 0.43, 90), (0.38, 0.46, 0.09, 0.16, 40), (0.62, 0.46, 0.09, 0.16, 40),
    (0.5, 0.66, 0.10, 0.07, 120), (0.5, 0.30, 0.05, 0.05, 150),
)  # fmt: skip
"""Centre, radii (parts of the picture's side) and grey of each ellipse of the middle slice, the hindmost first."""


def draw_study(procedure: RequestedProcedure) -> list[bytes]:
    """The study of a performed procedure as DICOM files (PS3.10), one for each picture.

    Secondary Capture images of synthetic origin (PS3.3 A.8.1, Conversion Type SYN) with patient, Accession Number and
    Study Instance UID of the exam, dated by the clock of its site. The same each time, so sending them again adds
    nothing.
    """
    exams = PerformedStep.objects.filter(steps__procedure=procedure, state=states.COMPLETED).order_by("started_at")
    at = exams.values_list("started_at", flat=True)[0]
    number = SLICES.get(procedure.modality, FEW)
    return [_file(procedure, index, number, at) for index in range(number)]


def _file(procedure: RequestedProcedure, index: int, number: int, at: datetime) -> bytes:
    study = procedure.image_study_uid
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[study, f"image {index}"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    image.SOPClassUID, image.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    _describe(image, procedure, at)
    image.StudyInstanceUID, image.SeriesInstanceUID = study, generate_uid(entropy_srcs=[study, "series"])
    image.SeriesNumber, image.InstanceNumber, image.ConversionType = 1, index + 1, "SYN"
    image.Rows = image.Columns = SIZE
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation, image.SamplesPerPixel = 7, 0, 1
    image.PhotometricInterpretation, image.PixelData = "MONOCHROME2", _pixels(index, number)
    out = BytesIO()
    image.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _describe(image: FileDataset, procedure: RequestedProcedure, at: datetime) -> None:
    order = procedure.order
    patient, site = order.patient, order.site
    numbers = Identifier.objects.filter(patient=patient, authority=site.assigning_authority, retired=False)
    image.SpecificCharacterSet = "ISO_IR 192"
    image.PatientName = f"{patient.family_name}^{patient.given_name}"
    image.PatientID = numbers.order_by("pk").values_list("value", flat=True).first() or ""
    image.IssuerOfPatientID = site.assigning_authority
    image.PatientBirthDate = f"{patient.birth_date:%Y%m%d}" if patient.birth_date else ""
    image.PatientSex = patient.sex
    image.AccessionNumber, image.StudyID = order.accession, procedure.number
    image.StudyDescription, image.Modality = str(procedure)[:64], procedure.modality
    image.ReferringPhysicianName = order.ordering_provider
    here = at.astimezone(ZoneInfo(site.time_zone))
    image.StudyDate, image.StudyTime = f"{here:%Y%m%d}", f"{here:%H%M%S}"


@cache
def _pixels(index: int, number: int) -> bytes:
    """A slice of the phantom: its ellipses grow towards the middle slice and shrink after it."""
    part = math.sin(math.pi * (index + 1) / (number + 1))
    picture = [bytearray([8]) * SIZE for _ in range(SIZE)]
    for x, y, wide, high, grey in BODY:
        for row in range(SIZE):
            off = ((row + 0.5) / SIZE - y) / (high * part)
            if abs(off) < 1:
                half = wide * part * math.sqrt(1 - off * off)
                left, right = round((x - half) * SIZE), round((x + half) * SIZE)
                picture[row][left:right] = bytes([grey]) * (right - left)
    return b"".join(picture)
