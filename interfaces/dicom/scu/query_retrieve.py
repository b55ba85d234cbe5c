"""Query/retrieve as SCU (PS3.4 annex C, QIDO-RS): studies of an archive are found, and moved.

By C-FIND or QIDO-RS the answer has the same plain values; a move is a C-MOVE, or a request to a hook over HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx
from dicomweb_client import DICOMwebClient
from pydicom.dataset import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from ris.kernel.values import number_or_none

from ..models import Archive
from ..mpps.dataset import read_patient, text
from ..mwl import date_matching
from ..reconciliation.patient_check import DescribedPatient
from .association import Unreachable, open_association, read_status, refuse_in_quarantine

# More than a patient has; an archive that ignores a key would send its whole index.
MAX_STUDIES = 500
HTTP_S = 60
# The hook takes the move over and answers at once.
HOOK_S = 30
_RETURNED = {
    "StudyInstanceUID": "",
    "StudyDate": "",
    "StudyDescription": "",
    "ModalitiesInStudy": "",
    "NumberOfStudyRelatedInstances": "",
    "AccessionNumber": "",
    "PatientID": "",
    "IssuerOfPatientID": "",
    "PatientName": "",
    "PatientBirthDate": "",
    "PatientSex": "",
}


@dataclass(frozen=True, slots=True)
class FoundStudy:
    """A study as an archive describes it. ``on``: its date, where that can be read; ``patient``: whose it is there."""

    uid: str
    on: date | None
    description: str
    modalities: tuple[str, ...]
    instances: int
    accession: str = ""
    patient: DescribedPatient = field(default_factory=DescribedPatient)


def find_studies(archive: Archive, **keys: str) -> list[FoundStudy]:
    """Studies that match (``PatientID=…``, ``StudyInstanceUID=…``). Raises Unreachable."""
    if archive.dicomweb and archive.poll != "cfind":
        return _by_qido(archive, keys)
    return _by_cfind(archive, keys)


def _by_cfind(archive: Archive, keys: dict[str, str]) -> list[FoundStudy]:
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    for name, value in (_RETURNED | keys).items():
        setattr(query, name, value)
    studies = []
    model = StudyRootQueryRetrieveInformationModelFind
    with open_association(archive, model) as association:
        for response, identifier in association.send_c_find(query, model):
            status = read_status(response)
            if status in (0xFF00, 0xFF01) and identifier is not None:
                studies.append(_parse_study(identifier))
            elif status != 0x0000:
                raise Unreachable(f"C-FIND answered with status {status:04X}")
    return studies[:MAX_STUDIES]


def _by_qido(archive: Archive, keys: dict[str, str]) -> list[FoundStudy]:
    try:
        client = build_dicomweb_client(archive)
        answers = client.search_for_studies(search_filters=keys, fields=list(_RETURNED), limit=MAX_STUDIES)
    except Exception as error:  # whatever the HTTP library raises; its words may quote the query
        raise Unreachable(f"QIDO-RS failed ({type(error).__name__})") from None
    return [_parse_study(Dataset.from_json(answer)) for answer in answers]


def build_dicomweb_client(archive: Archive) -> DICOMwebClient:
    """A client of the archive's DICOMweb address, without retries: our queues retry."""
    refuse_in_quarantine()
    client = DICOMwebClient(url=archive.dicomweb, timeout=HTTP_S)
    client.set_http_retry_params(retry=False)
    return client


def _parse_study(dataset: Dataset) -> FoundStudy:
    date_ = date_matching.parse_date(text(dataset, "StudyDate"))
    return FoundStudy(
        uid=text(dataset, "StudyInstanceUID"),
        on=None if date_ == date_matching.NEVER else date_,
        description=text(dataset, "StudyDescription"),
        modalities=tuple(_several(dataset.get("ModalitiesInStudy"))),
        instances=number_or_none(text(dataset, "NumberOfStudyRelatedInstances")) or 0,
        accession=text(dataset, "AccessionNumber"),
        patient=read_patient(dataset),
    )


def _several(value: Any) -> Iterable[str]:
    if not value:
        return []
    return [value] if isinstance(value, str) else [str(modality) for modality in value]


def move_study(archive: Archive, study_uid: str, destination: str) -> int:
    """Have the study sent to ``destination``; return how many objects went. Raises Unreachable.

    Some objects failed counts as failed: what arrived twice is told apart by the receiver.
    """
    if archive.move_hook:
        return _by_hook(archive, study_uid, destination)
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = study_uid
    model = StudyRootQueryRetrieveInformationModelMove
    moved = 0
    with open_association(archive, model) as association:
        for response, _ in association.send_c_move(identifier, destination, model):
            status = read_status(response)
            # Some archives leave the count out of the final response.
            moved = int(response.get("NumberOfCompletedSuboperations") or moved)
            # Also B000, where some sub-operations failed (PS3.4 table C.4-2): the move is made again.
            if status not in (0xFF00, 0x0000):
                raise Unreachable(f"C-MOVE answered with status {status:04X}")
    return moved


def _by_hook(archive: Archive, study_uid: str, destination: str) -> int:
    try:
        response = httpx.post(
            archive.move_hook, json={"study_uid": study_uid, "destination": destination}, timeout=HOOK_S
        )
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise Unreachable(f"the move hook failed ({type(error).__name__})") from None
    return 0
