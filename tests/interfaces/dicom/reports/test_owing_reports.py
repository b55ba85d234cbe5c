"""Who is owed what; in which order it goes, and what holds what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import BasicTextSRStorage
from pynetdicom import AE, evt

from interfaces.dicom import states
from interfaces.dicom.models import ReportObject, ReportSend
from interfaces.dicom.reports import instances, sender
from interfaces.dicom.reports.instances import load_file, parse_file
from interfaces.dicom.reports.sender import send_due
from interfaces.dicom.reports.services import QUEUE, queue_version, skip_report
from reporting.models import ReportVersion
from reporting.services import add_addendum, correct
from ris.audit.services import Actor
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from tests.factories import TESTER, SiteFactory
from tests.interfaces.dicom.reports.conftest import SIGNED, archive_at, route_to

pytestmark = pytest.mark.django_db
Sign = Callable[..., ReportVersion]


class Scp:
    """An archive that answers what it is told to: ``statuses`` by text of the findings."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.refused: set[str] = set()
        ae = AE(ae_title="ARCHIVE")
        ae.add_supported_context(BasicTextSRStorage)
        self.server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)])
        self.port = self.server.server_address[1]

    def _store(self, event: evt.Event) -> int:
        uid = str(event.dataset.SOPInstanceUID)
        self.heard.append(uid)
        return 0xA700 if uid in self.refused else 0x0000


@pytest.fixture
def scp() -> Iterator[Scp]:
    made = Scp()
    yield made
    made.server.shutdown()


def add(version: ReportVersion, reader: User, text: str) -> ReportVersion:
    made = add_addendum(version.report_id, reader=reader, text=text, actor=Actor.of_user(reader), at=SIGNED)
    deliver_owed(at=SIGNED)
    return made


def uids(*versions: ReportVersion) -> list[str]:
    return [ReportObject.objects.get(version=version).uid for version in versions]


def test_without_a_route_nothing_is_owed(signed: Sign) -> None:
    archive_at()
    signed()
    assert not ReportSend.objects.exists()


def test_a_sites_own_route_takes_the_place_of_that_of_every_site(signed: Sign) -> None:
    archive, other = archive_at(), archive_at(name="other")
    route_to(archive, sr=True, pdf=True)
    route_to(archive, site=SiteFactory(), sr=False, pdf=True, way="stow")
    route_to(other, site=SiteFactory(code="south"))
    signed()
    assert list(ReportSend.objects.values_list("archive__name", "object__form", "way")) == [("archive", "PDF", "stow")]


def test_a_sites_route_that_is_off_keeps_its_reports_here(signed: Sign) -> None:
    archive = archive_at()
    route_to(archive)
    route_to(archive, site=SiteFactory(), enabled=False)
    signed()
    assert not ReportSend.objects.exists()


def test_a_fact_that_is_told_twice_is_owed_once(signed: Sign) -> None:
    route_to(archive_at())
    version = signed()
    assert queue_version(version.pk, at=SIGNED) == 0
    assert ReportSend.objects.count() == 1


def test_a_preliminary_is_sent_only_where_that_was_chosen(signed: Sign) -> None:
    version = signed()
    fresh = ReportVersion(
        report=version.report, number=9, kind=ReportVersion.PRELIMINARY, author=version.author, signed_at=SIGNED,
        findings="Early.", sha256="0" * 64,
    )  # fmt: skip
    fresh.save()
    quiet = route_to(archive_at())
    assert queue_version(fresh.pk, at=SIGNED) == 0
    quiet.preliminary = True
    quiet.save()
    assert queue_version(fresh.pk, at=SIGNED) == 1


def test_an_archive_that_is_away_is_tried_until_it_is_back(signed: Sign, scp: Scp) -> None:
    archive = archive_at()
    route_to(archive)
    version = signed()
    at = SIGNED
    for _ in range(6):
        assert send_due(at=at) == 0
        at += timedelta(hours=1)
    waiting = ReportSend.objects.get()
    assert (waiting.attempts, waiting.error) == (6, "ARCHIVE at 127.0.0.1:9 cannot be reached")
    assert waiting.due_at <= at
    assert Alarm.objects.filter(kind=QUEUE.alarm, cleared_at=None).count() == 1
    archive.port = scp.port
    archive.save()
    assert send_due(at=at) == 1
    assert scp.heard == uids(version)
    assert not Alarm.objects.filter(kind=QUEUE.alarm, cleared_at=None).exists()


def test_what_an_archive_will_not_have_holds_only_its_own_study(signed: Sign, reader: User, scp: Scp) -> None:
    route_to(archive_at(port=scp.port))
    first = signed()
    more = add(first, reader, "More.")
    other = signed()
    scp.refused = set(uids(first))
    assert send_due(at=SIGNED) == 1
    assert scp.heard == uids(first, other)
    assert ReportSend.objects.get(object__version=first).error == "C-STORE answered with status A700"
    assert send_due(at=SIGNED) == 0  # it waits, and what follows it waits for it
    scp.refused = set()
    assert send_due(at=SIGNED + timedelta(minutes=1)) == 2
    assert scp.heard[2:] == uids(first, more)


def test_of_two_workers_one_sends(signed: Sign) -> None:
    route_to(archive_at())
    signed()
    send = ReportSend.objects.get()
    assert QUEUE.claim(send, SIGNED)
    assert not QUEUE.claim(ReportSend.objects.get(), SIGNED)
    assert send_due(at=SIGNED) == 0
    assert ReportSend.objects.get().attempts == 1
    assert send_due(at=SIGNED + QUEUE.claim_timeout) == 0  # the other one died: it is tried again
    assert ReportSend.objects.get().attempts == 2


def test_an_archive_that_takes_no_such_object_is_named(signed: Sign, scp: Scp) -> None:
    route_to(archive_at(port=scp.port), sr=True, pdf=True)
    signed()
    assert send_due(at=SIGNED) == 1
    waiting = ReportSend.objects.exclude(state=states.SENT).get()
    assert waiting.error == "ARCHIVE accepts no Encapsulated PDF Storage"


def test_a_document_that_cannot_be_made_keeps_no_other_from_being_sent(
    signed: Sign, scp: Scp, monkeypatch: pytest.MonkeyPatch
) -> None:
    route_to(archive_at(port=scp.port))
    bad, good = signed(), signed()
    made = instances.build_sr

    def broken(object_: ReportObject, version: ReportVersion) -> object:
        if version == bad:
            raise KeyError("ZZTEST^SECRET")
        return made(object_, version)

    monkeypatch.setitem(instances._MAKERS, "SR", broken)
    assert send_due(at=SIGNED) == 1
    assert scp.heard == uids(good)
    waiting = ReportSend.objects.get(state=states.QUEUED)
    assert waiting.error == "The document cannot be made (KeyError)"
    assert Alarm.objects.filter(kind=QUEUE.alarm, cleared_at=None).exists()
    skip_report(waiting.pk, reason="known bad", actor=TESTER, at=SIGNED)
    assert not Alarm.objects.filter(kind=QUEUE.alarm, cleared_at=None).exists()


def test_the_alarm_stands_as_long_as_anything_was_tried_in_vain(signed: Sign, scp: Scp) -> None:
    route_to(archive_at(port=scp.port))
    scp.refused = set(uids(signed()))
    send_due(at=SIGNED)
    signed()
    assert send_due(at=SIGNED) == 1  # the other one
    assert Alarm.objects.filter(kind=QUEUE.alarm, cleared_at=None).exists()


def test_a_corrected_report_follows_what_it_corrects(signed: Sign, reader: User, scp: Scp) -> None:
    route_to(archive_at(port=scp.port))
    first = signed()
    more = add(first, reader, "One word more.")
    said = {"findings": "The other side.", "impression": "Normal."}
    report = first.report.reread()
    corrected = correct(
        first.report_id, reader=reader, revision=report.revision, sections=said, reason="wrong side",
        actor=Actor.of_user(reader), at=SIGNED,
    )  # fmt: skip
    deliver_owed(at=SIGNED)
    assert send_due(at=SIGNED) == 3
    assert scp.heard == uids(first, more, corrected)
    document = parse_file(load_file(ReportObject.objects.get(version=corrected).pk))
    texts = [item.ContentSequence[0].TextValue for item in document.ContentSequence if item.ValueType == "CONTAINER"]
    assert texts == ["The other side.", "Normal.", "One word more."]
    before = document.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert [before.ReferencedSOPInstanceUID] == uids(more)


@pytest.mark.parametrize(
    ("failed", "state", "error"),
    [
        (0xA700, states.QUEUED, "STOW-RS: not stored, reason A700"),
        (0x0111, states.SENT, ""),  # it has it already
        (None, states.SENT, ""),
    ],
)
def test_what_a_stow_answer_says_of_the_instance_counts(
    signed: Sign, monkeypatch: pytest.MonkeyPatch, failed: int | None, state: str, error: str
) -> None:
    class Client:
        def store_instances(self, datasets: list[Dataset], **_: object) -> Dataset:
            answer, item = Dataset(), Dataset()
            if failed is not None:
                item.ReferencedSOPInstanceUID, item.FailureReason = datasets[0].SOPInstanceUID, failed
                answer.FailedSOPSequence = [item]
            return answer

    monkeypatch.setattr(sender, "build_dicomweb_client", lambda archive: Client())
    route_to(archive_at(dicomweb="http://192.0.2.1/dicom-web"), way="stow")
    signed()
    send_due(at=SIGNED)
    send = ReportSend.objects.get()
    assert (send.state, send.error) == (state, error)


def test_a_predecessor_is_named_under_the_study_in_which_it_was_stored(signed: Sign, reader: User) -> None:
    route_to(archive_at())
    first = signed()
    stored = parse_file(load_file(ReportObject.objects.get(version=first).pk))
    procedure = first.report.procedure
    type(procedure).objects.filter(pk=procedure.pk).update(performed_study_uid="2.25.99")
    more = add(first, reader, "The images are in another study.")
    document = parse_file(load_file(ReportObject.objects.get(version=more).pk))
    assert document.StudyInstanceUID == "2.25.99"
    assert document.SeriesInstanceUID != stored.SeriesInstanceUID  # a series is of one study
    before = document.PredecessorDocumentsSequence[0]
    assert before.StudyInstanceUID == stored.StudyInstanceUID
    assert before.ReferencedSeriesSequence[0].SeriesInstanceUID == stored.SeriesInstanceUID
