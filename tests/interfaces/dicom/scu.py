"""Scanners for tests: DCMTK's tools as processes, and pynetdicom for what they cannot do."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import ModalityPerformedProcedureStep, ModalityWorklistInformationFind, Verification

RETURN_KEYS = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyInstanceUID",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
)
STEP = "ScheduledProcedureStepSequence[0]."
STEP_KEYS = (
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "Modality",
    "ScheduledProcedureStepID",
    "ScheduledProcedureStepDescription",
)


def findscu(
    port: int, *keys: str, calling: str = "CT1", called: str = "RIS", plain: bool = False, tls: tuple[str, ...] = ()
) -> list[Dataset]:
    """What DCMTK's findscu receives for these keys (``PatientID=…``), beside the usual return keys.

    ``tls``: its options for an encrypted association.
    """
    asked = list(keys) if plain else [*RETURN_KEYS, *(STEP + key for key in STEP_KEYS), *keys]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["findscu", "-W", "-X", *tls, "-od", folder, "-aet", calling, "-aec", called, "127.0.0.1", str(port)]
            + [part for key in asked for part in ("-k", key)],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return [dcmread(file, force=True) for file in sorted(Path(folder).glob("rsp*.dcm"))]


def accessions(answers: list[Dataset]) -> list[str]:
    return [answer.AccessionNumber for answer in answers]


def associate(port: int, *sop_classes: str, calling: str = "CT1", called: str = "RIS", **options: Any) -> Association:
    ae = AE(ae_title=calling)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 10
    for sop_class in sop_classes or (ModalityWorklistInformationFind, Verification):
        ae.add_requested_context(sop_class)
    return ae.associate("127.0.0.1", port, ae_title=called, **options)


def query(**keys: Any) -> Dataset:
    """A worklist query; keys of the step item begin with ``step__``."""
    step = Dataset()
    asked = Dataset()
    for name in STEP_KEYS:
        setattr(step, name, "")
    for name in RETURN_KEYS:
        setattr(asked, name, "")
    for name, value in keys.items():
        setattr(step if name.startswith("step__") else asked, name.removeprefix("step__"), value)
    asked.ScheduledProcedureStepSequence = [step]
    return asked


def find(port: int, asked: Dataset, *, calling: str = "CT1", sop_classes: tuple[str, ...] = ()) -> list[Any]:
    """The (status, identifier) pairs of one C-FIND."""
    association = associate(port, *sop_classes, calling=calling)
    assert association.is_established
    try:
        return [
            (status.get("Status"), identifier)
            for status, identifier in association.send_c_find(asked, ModalityWorklistInformationFind)
        ]
    finally:
        association.release()


def mpps(port: int, **options: Any) -> Association:
    association = associate(port, ModalityPerformedProcedureStep, **options)
    assert association.is_established
    return association
