"""One prior is moved: by C-MOVE, or by asking a hook over HTTP."""

from __future__ import annotations

import httpx
from pydicom.dataset import Dataset
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove  # type: ignore[attr-defined]

from ..models import Archive
from .association import Unreachable, open_association, read_status

HOOK_S = 30


def move_study(archive: Archive, study_uid: str, destination: str) -> int:
    """Have the study sent to ``destination``; return how many objects went. Raises Unreachable.

    Some objects failed counts as failed: what arrived twice is told apart by the receiver.
    """
    if archive.move_hook:
        return _by_hook(archive, study_uid, destination)
    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    asked.StudyInstanceUID = study_uid
    model = StudyRootQueryRetrieveInformationModelMove
    moved = 0
    with open_association(archive, model) as association:
        for said, _ in association.send_c_move(asked, destination, model):
            status = read_status(said)
            moved = int(said.get("NumberOfCompletedSuboperations") or moved)
            if status not in (0xFF00, 0x0000):
                raise Unreachable(f"C-MOVE answered with status {status:04X}")
    return moved


def _by_hook(archive: Archive, study_uid: str, destination: str) -> int:
    try:
        said = httpx.post(archive.move_hook, json={"study_uid": study_uid, "destination": destination}, timeout=HOOK_S)
        said.raise_for_status()
    except httpx.HTTPError as error:
        raise Unreachable(f"the move hook failed ({type(error).__name__})") from None
    return 0
