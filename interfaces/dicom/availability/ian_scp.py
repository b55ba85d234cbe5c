"""Instance Availability Notification SCP (PS3.4 annex R, IHE RAD-49): the archive says that images are there."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from ris.audit.actor import Actor
from ris.kernel.clock import now
from ris.orders.services import note_images

from ..mpps.dataset import text
from ..mpps.scp import MISSING_ATTRIBUTE, SUCCESS, refusal
from ..upper_layer.admission import Caller
from ..upper_layer.n_services import NRequest

AVAILABLE = frozenset(["ONLINE", "NEARLINE"])


def note_availability(event: NRequest, caller: Caller) -> tuple[Any, Dataset | None]:
    """N-CREATE. The study is complete when every instance that is named is at hand.

    It joins on the Study Instance UID and carries no patient.
    """
    said = event.attribute_list
    study_uid = text(said, "StudyInstanceUID")
    series = said.get("ReferencedSeriesSequence") or []
    if not study_uid or not series:
        return refusal(MISSING_ATTRIBUTE, "Study Instance UID and series are needed"), None
    instances = [instance for one in series for instance in one.get("ReferencedSOPSequence") or []]
    at_hand = [instance for instance in instances if text(instance, "InstanceAvailability") in AVAILABLE]
    if at_hand:
        note_images(
            study_uid,
            instances=len(at_hand),
            complete=len(at_hand) == len(instances),
            retrieve_ae=text(at_hand[0], "RetrieveAETitle")[:16],
            actor=Actor.peer(caller.ae_title or caller.address, caller.address),
            at=now(),
        )
    return SUCCESS, Dataset()
