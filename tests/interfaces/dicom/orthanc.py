"""A real Orthanc (Debian's) with small made-up studies."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


class Orthanc:
    """``options`` are set in its configuration as they are."""

    def __init__(
        self, title: str, folder: Path, modalities: dict[str, tuple[str, int]], options: dict[str, Any] | None = None
    ) -> None:
        self.title = title
        self.dicom, self.http = _free_port(), _free_port()
        config = {
            "Name": title,
            "StorageDirectory": str(folder / title),
            "IndexDirectory": str(folder / title),
            "HttpPort": self.http,
            "DicomPort": self.dicom,
            "DicomAet": title,
            "RemoteAccessAllowed": False,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowMove": True,
            "DicomAlwaysAllowStore": True,
            "DicomModalities": {name: [name, host, port] for name, (host, port) in modalities.items()},
            "Plugins": [DICOMWEB],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        } | (options or {})
        file = folder / f"{title}.json"
        file.write_text(json.dumps(config))
        log = (folder / f"{title}.log").open("wb")
        self.process = subprocess.Popen(["Orthanc", str(file)], stdout=log, stderr=log)
        self.url = f"http://127.0.0.1:{self.http}"
        for _ in range(200):
            try:
                httpx.get(f"{self.url}/system", timeout=1).raise_for_status()
                return
            except httpx.HTTPError:
                assert self.process.poll() is None, "Orthanc ended at once"
                time.sleep(0.05)
        raise AssertionError("Orthanc does not answer")

    def store(self, *, patient_id: str, uid: str | None = None, images: int = 2, **fields: Any) -> str:
        """A made-up CT study; its Study Instance UID."""
        uid = uid or generate_uid()
        series = generate_uid()
        for number in range(images):
            meta = FileMetaDataset()
            meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
            meta.TransferSyntaxUID = ExplicitVRLittleEndian
            image = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
            image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
            image.StudyInstanceUID, image.SeriesInstanceUID, image.InstanceNumber = uid, series, number + 1
            image.PatientName, image.PatientID = "ZZTEST^ALPHA", patient_id
            image.Modality, image.StudyDate, image.StudyTime, image.StudyID = "CT", "20260101", "120000", "1"
            image.Rows = image.Columns = 2
            image.BitsAllocated = image.BitsStored = 8
            image.HighBit, image.PixelRepresentation, image.SamplesPerPixel = 7, 0, 1
            image.PhotometricInterpretation, image.PixelData = "MONOCHROME2", b"\0\1\2\3"
            for name, value in fields.items():
                setattr(image, name, value)
            out = BytesIO()
            image.save_as(out, enforce_file_format=True)
            httpx.post(f"{self.url}/instances", content=out.getvalue(), timeout=10).raise_for_status()
        return uid

    def studies(self) -> set[str]:
        found = httpx.get(f"{self.url}/studies?expand", timeout=10).json()
        return {study["MainDicomTags"]["StudyInstanceUID"] for study in found}

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@contextmanager
def orthanc(
    title: str, folder: Path, *, options: dict[str, Any] | None = None, **modalities: tuple[str, int]
) -> Iterator[Orthanc]:
    running = Orthanc(title, folder, modalities, options)
    try:
        yield running
    finally:
        running.stop()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
