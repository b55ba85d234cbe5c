from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, ModalityPerformedProcedureStep, Verification

from interfaces.dicom.models import DeviceProfile, MwlQuery, Rejection
from interfaces.dicom.mwl.query_log import delete_old
from interfaces.dicom.upper_layer import admission
from interfaces.dicom.upper_layer.admission import AssociateReject, Caller, admit
from ris.audit.models import AuditEvent
from ris.kernel.clock import now
from tests.factories import DeviceFactory, make_order
from tests.interfaces.dicom.raw import RawScanner, identifier
from tests.interfaces.dicom.scu import STEP, associate, findscu


def test_another_called_title_is_rejected_and_audited(dicom: int, eventually: Callable[..., object]) -> None:
    for _ in range(3):
        refused = RawScanner(dicom, called="OTHER")
        assert (refused.kind, refused.accepted[1:]) == (3, bytes((1, 1, 7)))  # A-ASSOCIATE-RJ: called title unknown
        refused.sock.close()
    assert eventually(lambda: Rejection.objects.filter(times=3).first())
    event = AuditEvent.objects.get(action="association.reject")
    assert (event.actor, event.reason) == ("CT1", "called AE title not ours")


@pytest.mark.parametrize("contexts", [(Verification,), (ModalityPerformedProcedureStep,)])
def test_rejection_comes_before_any_engine(
    dicom: int, contexts: tuple[str, ...], eventually: Callable[..., object]
) -> None:
    assert not associate(dicom, *contexts, called="OTHER").is_established
    assert eventually(lambda: Rejection.objects.filter(called_ae="OTHER").first())


def test_storage_is_not_offered(dicom: int) -> None:
    association = associate(dicom, Verification, CTImageStorage)
    assert association.is_established
    assert [context.abstract_syntax for context in association.rejected_contexts] == [CTImageStorage]
    association.release()


def test_more_associations_than_pynetdicoms_ten(dicom: int) -> None:
    ae = AE(ae_title="CT1")
    ae.add_requested_context(ModalityPerformedProcedureStep)
    held = [ae.associate("127.0.0.1", dicom, ae_title="RIS") for _ in range(24)]
    assert all(association.is_established for association in held)
    for association in held:
        association.release()


def test_one_caller_cannot_take_all_the_room(dicom: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interfaces.dicom.upper_layer.acceptor.MAX_PER_CALLER", 5)
    held = [RawScanner(dicom) for _ in range(5)]
    with pytest.raises(ConnectionError):
        surplus = RawScanner(dicom)
        assert (surplus.kind, surplus.accepted[1:]) == (3, bytes((2, 3, 2)))  # local limit exceeded
        surplus.unit()
    other = RawScanner(dicom, calling="MR1")
    assert other.kind == 2
    for scanner in [*held, other]:
        scanner.close()


def test_when_all_the_room_is_taken_the_next_is_told_so_until_somebody_leaves(
    dicom: int, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., object]
) -> None:
    monkeypatch.setattr("interfaces.dicom.upper_layer.acceptor.MAX_ASSOCIATIONS", 3)
    held = [RawScanner(dicom, calling=f"CT{n}") for n in range(3)]
    surplus = RawScanner(dicom, calling="MR1")
    assert (surplus.kind, surplus.accepted[1:]) == (3, bytes((2, 3, 2)))  # transient: it may try again
    surplus.sock.close()
    assert eventually(lambda: Rejection.objects.filter(calling_ae="MR1", reason="too many associations").first())

    held.pop().abort()

    assert eventually(lambda: _gets_in(dicom, "MR1"))
    for scanner in held:
        scanner.close()


def _gets_in(port: int, calling: str) -> bool:
    scanner = RawScanner(port, calling=calling)
    scanner.close() if scanner.kind == 2 else scanner.sock.close()
    return scanner.kind == 2


class TestAdmission:
    pytestmark = pytest.mark.django_db

    def admit(self, calling: str, address: str, *, encrypted: bool = False) -> Caller | AssociateReject:
        admission.clear_cache()
        return admit(calling, "RIS", address, own_title="RIS", encrypted=encrypted)

    def test_a_stranger_is_let_in_from_this_machine_only(self) -> None:
        assert isinstance(self.admit("WHO", "127.0.0.1"), Caller)
        assert self.admit("WHO", "192.0.2.7") == admission.CALLING_UNKNOWN

    def test_a_device_may_be_bound_to_addresses(self) -> None:
        DeviceProfile.objects.create(device=DeviceFactory(), addresses=["192.0.2.7", "198.51.100.0/24"])
        assert isinstance(self.admit("CT1", "192.0.2.7"), Caller)
        assert isinstance(self.admit("CT1", "198.51.100.20"), Caller)
        assert self.admit("CT1", "192.0.2.8") == admission.ADDRESS_UNKNOWN

    def test_an_empty_calling_title_is_known_by_its_address(self) -> None:
        device = DeviceFactory()
        DeviceProfile.objects.create(device=device, addresses=["192.0.2.7"])
        known = self.admit("", "192.0.2.7")
        assert isinstance(known, Caller) and known.device_id == device.pk
        assert self.admit("", "192.0.2.8") == admission.CALLING_UNKNOWN

    def test_a_device_may_be_bound_to_tls(self) -> None:
        DeviceProfile.objects.create(device=DeviceFactory(), require_tls=True)
        assert self.admit("CT1", "192.0.2.7") == admission.NOT_ENCRYPTED
        assert isinstance(self.admit("CT1", "192.0.2.7", encrypted=True), Caller)

    def test_an_inactive_device_is_a_stranger(self) -> None:
        DeviceFactory(active=False)
        assert self.admit("CT1", "192.0.2.7") == admission.CALLING_UNKNOWN


def test_every_query_is_kept_with_its_keys_and_audited(dicom: int, eventually: Callable[..., object]) -> None:
    order = make_order(at=now())
    admission.clear_cache()
    findscu(dicom, STEP + "ScheduledStationAETitle=CT1", STEP + "Modality=CT")
    kept = eventually(lambda: MwlQuery.objects.first())
    assert isinstance(kept, MwlQuery)
    assert (kept.device.ae_title, kept.rows, kept.status) == ("CT1", 1, "0000")
    assert kept.keys == {"stations": "CT1", "modalities": "CT"}
    assert kept.ms > 0
    event = AuditEvent.objects.get(action="worklist.query")
    assert (event.actor, event.detail) == ("CT1", {"queries": 1, "rows": 1})
    assert order.accession not in str(event.detail)

    assert delete_old(at=kept.at) == 0
    assert delete_old(at=kept.at, days=-1) == 1


def test_no_patient_is_named_in_the_logs(
    dicom: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    order = make_order(at=now())
    canary = order.patient.family_name
    findscu(dicom, f"PatientName={canary}*")
    findscu(dicom, "PatientName=ZZCANARY*")
    broken = RawScanner(dicom)
    broken.find(identifier(ScheduledStationAETitle="CT1")[:-3] + b"ZZCANARY")
    broken.close()
    said = caplog.text + "".join(capfd.readouterr())
    assert canary not in said
    assert "ZZCANARY" not in said
