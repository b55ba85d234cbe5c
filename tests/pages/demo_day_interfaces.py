"""The day at the interfaces: messages in and out, jobs, devices, archives, reports and priors on their way."""

from __future__ import annotations

from datetime import datetime, timedelta

from interfaces.dicom import models as dicom
from interfaces.dicom.mpps.dataset import encode_dataset
from interfaces.hl7.inbound import intake
from interfaces.hl7.models import BackFill, Destination, InboundMessage, MapEntry, OutboundMessage, ReplayJob
from interfaces.hl7.operations import services
from interfaces.hl7.outbound import backfill
from ris.catalog.models import Device, Site
from ris.orders.models import PerformedStep, RequestedProcedure
from ris.patients.models import Identifier
from ris.people.models import User
from tests.factories import TESTER
from tests.interfaces.dicom.mpps.test_reporting_exams_by_mpps import ended
from tests.interfaces.hl7.hl7 import message, msh, obr, orc, order, pid
from worklist.models import PriorPlan


def set_up() -> None:
    """What stands before the day begins: archives, and which of them gets reports."""
    archive = dicom.Archive.objects.create(
        name="archive",
        ae_title="ARCHIVE",
        host="10.0.0.4",
        destination="NEW",
        dicomweb="https://archive.test/dicom-web",
    )
    dicom.Archive.objects.create(name="old", ae_title="OLD", host="10.0.0.5", enabled=False)
    dicom.ReportRoute.objects.create(archive=archive, pdf=True, preliminary=True)


def fill(at: datetime, site: Site, reader: User) -> None:
    """All of it. ``reader`` wants priors at their own workstation."""
    messages_in(at)
    messages_out(at)
    jobs(at)
    devices(at)
    archives(at, site, reader)


def messages_in(at: datetime) -> None:
    """In each state, of known and unknown senders, readable and not, a resend and an edited copy."""
    MapEntry.objects.create(table="procedure", given="HEADCT", meant="CTHEADWO")
    applied = order(placer="P1")
    raws = [
        applied, applied,  # the same again: a duplicate
        message(msh("ORM^O01"), pid(), orc(placer="P2"), "OBR|1|P2^EMR"),  # refused: it names no exam
        message(msh("ORM^O01"), pid(), orc(placer="P3", status="HD", timing=""), obr("P3", code="NOTHING^of ours^L")),
        message(msh("ADT^A31"), pid("T9")), message(msh("XYZ^Z99")), message(msh("ORU^R01"), pid(), "OBR|1|P1^EMR"),
        b"no HL7 at all", b"", b"\x00\xff\xfeMSH|\x00", "MSH|^~\\&|ÄÖÜ|é".encode("latin-1"), b"MSH|",
    ]  # fmt: skip
    for raw in raws:
        (pk,) = intake.store_messages([intake.Arrival(raw, "127.0.0.1", at)])
        intake.process_message(pk, at=at)
    first = InboundMessage.objects.earliest("pk")
    services.replay(first.pk, reason="to look at it", actor=TESTER, at=at)
    intake.store_messages([intake.Arrival(order(placer="P5"), "10.0.0.7", at)])  # received: nobody has decided it yet
    blank = {"address": "10.0.0.7", "received_at": at, "sha256": "0" * 64}
    for state in dict(InboundMessage.STATES):
        InboundMessage.objects.create(
            raw=b"", state=state, effects=[["placed", "Order", 0], ["placed", "Thing", 1], ["short"]],
            faults=[["101", "OBR[2]-4", "Say which."]], warnings=["odd"], answer=None, **blank,
        )  # fmt: skip


def messages_out(at: datetime) -> None:
    """In each state, to a destination that is well, one that fails, one that is paused, and one that is off."""
    wanted = ["report.final", "order.placed"]
    hosts = {"WELL": "10.0.0.1", "FAILING": "10.0.0.2", "PAUSED": "", "OFF": ""}
    well, failing, paused, off = (
        Destination.objects.create(name=name, host=host, port=2575 if host else 0, kinds=wanted)
        for name, host in hosts.items()
    )
    Destination.objects.filter(pk=failing.pk).update(failures=7, retry_at=at, last_error="Connection refused")
    services.pause(paused.pk, reason="Moves house", actor=TESTER, at=at)
    Destination.objects.filter(pk=off.pk).update(enabled=False, kinds=["a kind of old"])
    site = Site.objects.earliest("pk")
    about = Identifier.objects.get(value="T100", authority="NORTH").patient
    for to in (well, failing, paused, off):
        for n, state in enumerate(("queued", "sent", "stopped", "invalid", "skipped")):
            number, answer = f"{to.pk}-{n}", b"MSH|\xff" if n == 2 else None
            OutboundMessage.objects.create(
                destination=to, lane="N1", kind="report.final", source=f"t:{n}", control_id=number, state=state,
                patient=about, site=site,
                raw=message(msh("ORU^R01", control_id=number), pid()), created_at=at, answer=answer,
                error="Held", sent_at=at if state == "sent" else None,
            )  # fmt: skip


def jobs(at: datetime) -> None:
    """Replays and back-fills: running, stopped, finished."""
    messages = {"last_id": InboundMessage.objects.latest("pk").pk, "total": 3, "created_at": at, "moved_at": at}
    for state in ("running", "halted", "done"):
        asked = {"state": "applied", "since": at.isoformat()}
        ReplayJob.objects.create(state=state, asked=asked, done=1, outcomes={"applied": 1}, reason="table", **messages)
    span = {"since": at - timedelta(days=2), "until": at + timedelta(days=1)}
    to = Destination.objects.get(name="WELL")
    for state in ("halted", "done", "running"):
        fill_ = backfill.start(to.pk, **span, reason="new system", actor=TESTER, at=at)
        BackFill.objects.filter(pk=fill_.pk).update(state=state)
    ReplayJob.objects.create(state="done", asked={"peer_id": 0, "an old name": 1}, reason="old", **messages)


def devices(at: datetime) -> None:
    """A device that asked and was refused, with and without a profile; MPPS with forwards that went and did not."""
    device = Device.objects.get(ae_title="CT1")
    dicom.DeviceProfile.objects.create(device=device, host="10.0.0.9", addresses=["10.0.0.0/8"])
    for n, identifier in enumerate((b"", b"\xff\xff garbage")):
        dicom.MwlQuery.objects.create(
            device=device, calling_ae="CT1", address="10.0.0.9", at=at, identifier=identifier, implicit=bool(n),
            keys={"(0040,0001)": "CT1"}, rows=n, ms=1.5, status="0000", notes=["a habit"],
        )  # fmt: skip
    for calling in ("CT1", "", "STRANGER"):
        dicom.Rejection.objects.create(at=at, calling_ae=calling, called_ae="RIS", address="10.0.0.9", reason="unknown")
    target = dicom.MppsTarget.objects.create(name="pacs", ae_title="PACS", host="10.0.0.3")
    dataset = encode_dataset(ended())
    for n, performed in enumerate(PerformedStep.objects.filter(mpps=None)[:6]):
        told = dicom.Mpps.objects.create(
            performed=performed, uid=performed.mpps_uid, dataset=b"" if n == 0 else dataset, updated_at=at,
            patient_id="T1", violations=["a value too long"], supplies=[],
        )  # fmt: skip
        for state in ("owed", "sent"):
            dicom.MppsForward.objects.create(
                mpps=told, target=target, creates=state == "sent", dataset=dataset, state=state, due_at=at,
                sent_at=at if state == "sent" else None, error="" if state == "sent" else "refused", attempts=3,
            )  # fmt: skip
    PerformedStep.objects.filter(pk=performed.pk).update(dose={"ctdi_vol": 12.5}, series=[{"uid": "2.25.1"}])


def archives(at: datetime, site: Site, reader: User) -> None:
    """Reports owed, sent and skipped; priors planned, found, moved and missed."""
    archive = dicom.Archive.objects.get(name="archive")
    assert dicom.ReportSend.objects.count() > 4, "owed by the route since the reports were released"
    for send, state in zip(dicom.ReportSend.objects.all(), ("sent", "skipped", "queued", "queued"), strict=False):
        dicom.ReportSend.objects.filter(pk=send.pk).update(state=state, error="refused" if state == "queued" else "")
    dicom.PriorDestination.objects.create(site=site, ae_title="SITE")
    dicom.PriorDestination.objects.create(reader=reader, ae_title="READER")
    procedures = RequestedProcedure.objects.filter(order__site=site)
    states = ("planned", "fetched", "failed", "dropped", "cancelled")
    for n, (procedure, state) in enumerate(zip(procedures, states, strict=False)):
        PriorPlan.objects.create(
            procedure=procedure, study_uid=f"1.2.{n}", state=state, score=n, planned_at=at, checked_at=at,
            day=at.date() if n else None, prior=procedures.last() if n == 1 else None, reasons=["region"],
        )  # fmt: skip
    ways = ("wanted", "searched", "stopped")
    for n, (procedure, state) in enumerate(zip(procedures, ways, strict=False)):
        error = "unreachable" if n else ""
        said = {"due_at": at, "created_at": at, "state": state, "error": error}
        wish, _ = dicom.Prefetch.objects.update_or_create(procedure=procedure, archive=archive, defaults=said)
        for accepted in (None, at):
            dicom.DoubtfulPrior.objects.create(
                prefetch=wish, study_uid=f"1.3.{n}{bool(accepted):d}", doubts=["another birth date"], found_at=at,
                accepted_at=accepted, day=accepted and at.date(),
            )  # fmt: skip
        for move in ("queued", "moving", "moved", "missed", "stopped"):
            dicom.PriorMove.objects.create(
                archive=archive, prefetch=wish, study_uid=f"1.2.{n}", destination=f"{move}"[:16], score=1, due_at=at,
                state=move, done_at=at if move == "moved" else None,
            )  # fmt: skip
