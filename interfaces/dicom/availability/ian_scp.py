"""Instance Availability Notification SCP (PS3.4 annex R, IHE RAD-49): the archive says which objects are at hand.

A notification names objects of one study, often only some of them: those of a series, or one. So the objects are
counted over all notifications. It joins on the Study Instance UID and carries no patient.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from pydicom.dataset import Dataset

from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.kernel.db.transactions import lock_name
from ris.orders.models import Study
from ris.orders.services import note_withdrawal

from ..models import AvailableInstance, DeviceProfile
from ..mpps.dataset import text
from ..mpps.scp import MISSING_ATTRIBUTE, SUCCESS, refusal
from ..mpps.services import caller_actor
from ..upper_layer.admission import Caller
from ..upper_layer.n_services import Answer, NRequest
from .arrivals import Notice, note_arrival

AT_HAND = frozenset(["ONLINE", "NEARLINE"])
"""Instance Availability (0008,0056) of objects that a reader can have; OFFLINE ones lie on a shelf."""
KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
"""SOP class of a rejection note."""
KEPT = timedelta(days=30)
"""How long single objects are remembered: archives notify of parts within minutes or hours."""


def note_availability(event: NRequest, caller: Caller) -> Answer:
    """N-CREATE: count the objects that are at hand, and withdraw those that are not any more."""
    dataset = event.attribute_list
    study_uid = text(dataset, "StudyInstanceUID")[:64]
    series = dataset.get("ReferencedSeriesSequence") or []
    if not study_uid or not series:
        return refusal(MISSING_ATTRIBUTE, "Study Instance UID and series are needed"), None
    instances = [instance for item in series for instance in item.get("ReferencedSOPSequence") or []]
    at_hand = [instance for instance in instances if text(instance, "InstanceAvailability") in AT_HAND]
    gone = [instance for instance in instances if text(instance, "InstanceAvailability") not in AT_HAND]
    if gone:  # the rejection note itself is at hand; it is no image of the study (IHE IOCM, RAD-66)
        at_hand = [instance for instance in at_hand if text(instance, "ReferencedSOPClassUID") != KEY_OBJECT_SELECTION]
    retrieve_ae = text(at_hand[0], "RetrieveAETitle") if at_hand else ""
    note_instances(
        study_uid, _uids(at_hand), _uids(gone), retrieve_ae=retrieve_ae, actor=caller_actor(caller), at=now()
    )
    return SUCCESS, Dataset()


def _uids(instances: list[Dataset]) -> list[str]:
    uids = (text(instance, "ReferencedSOPInstanceUID")[:64] for instance in instances)
    return list(dict.fromkeys(filter(None, uids)))


@transaction.atomic
def note_instances(
    study_uid: str, at_hand: list[str], gone: list[str], *, retrieve_ae: str, actor: Actor, at: datetime
) -> None:
    """Count the objects of a study that notifications named so far, and write down what that makes of the study.

    Where no device said how many it made, one notification of several objects, all at hand, is believed to be all;
    unless the device sends no MPPS: its exam would be completed by a part, so there the study has to stop growing.
    """
    lock_name(f"study:{study_uid}")  # two notifications of one study count one after the other
    known = AvailableInstance.objects.filter(study_uid=study_uid)
    AvailableInstance.objects.bulk_create(
        # An archive repeats a notification whose answer it missed: an object is counted once.
        [AvailableInstance(study_uid=study_uid, sop_uid=uid, at=at) for uid in at_hand],
        ignore_conflicts=True,
    )
    withdrawn, _ = known.filter(sop_uid__in=gone).delete()
    count = known.count()
    if withdrawn:
        note_withdrawal(study_uid, instances=count, actor=actor, at=at)
    elif gone and not count:  # objects that a poll told of, or that were forgotten since
        study = Study.objects.filter(study_uid=study_uid).first()
        left = max(study.instances - len(gone), 0) if study else 0
        note_withdrawal(study_uid, instances=left, actor=actor, at=at)
    if at_hand:
        by_images = DeviceProfile.objects.filter(
            completes_by_images=True, device__steps__procedure__study_uid=study_uid
        )
        all_named = len(at_hand) > 1 and not gone and count == len(at_hand) and not by_images.exists()
        notice = Notice(study_uid=study_uid, instances=count, says_complete=all_named, retrieve_ae=retrieve_ae)
        note_arrival(notice, actor=actor, at=at)


def delete_old_instances(*, at: datetime) -> int:
    """Forget single objects that were notified of long ago; their studies keep the count. Return how many."""
    deleted, _ = AvailableInstance.objects.filter(at__lt=at - KEPT).delete()
    return deleted
