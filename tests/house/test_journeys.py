"""How much code five everyday pieces of work pass. ``docs/journeys.json`` has the figures, and they shall not grow."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import contextmanager, nullcontext

import pytest
from django.test import Client as Browser
from django.urls import reverse

from interfaces.hl7.outbound.sender import DestinationSender
from reporting.services import save_draft
from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.kernel.relay import deliver_owed
from ris.orders.models import ScheduledStep
from tests.factories import DeviceFactory, ProcedureFactory, make_order
from tests.house.source_tree import ROOT, SourceTree
from tests.house.tracer import Journey, Tracer
from tests.interfaces.dicom.conftest import running
from tests.interfaces.dicom.mpps.test_reporting_exams_by_mpps import begun, create, ended, set_
from tests.interfaces.dicom.scu import find, mpps, query
from tests.interfaces.hl7.emr import destination, emr
from tests.interfaces.hl7.hl7 import order
from tests.interfaces.hl7.wire import Client, listening
from tests.worklist.reading import make_item, make_reader
from worklist.services import claim

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

FIGURES = ROOT / "docs/journeys.json"
GROWTH_ALLOWED = 1.1
HELD = ("files", "cross_file_calls")

dicom_running = contextmanager(running)


@pytest.fixture
def tracer() -> Tracer:
    return Tracer()


def hold(name: str, journey: Journey) -> None:
    """Print the journey; write its figures when asked to, or compare them with what was written."""
    figures = journey.figures
    sys.stdout.write("\n  ".join([f"\n{name}: {figures}", *journey.files]) + "\n")
    written = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    if os.environ.get("WETREAD_JOURNEYS") == "write":
        FIGURES.write_text(json.dumps(written | {name: figures}, indent=2, sort_keys=True) + "\n")
        return
    assert not grown(figures, written[name]), (
        f"The journey {name} has grown by more than a tenth: {written[name]} is now {figures}. Shorten it "
        "(pytest -s prints its files), or say in the commit why it must be longer and write the figures anew: "
        "WETREAD_JOURNEYS=write pytest tests/house/test_journeys.py"
    )


def grown(figures: dict[str, int], written: dict[str, int]) -> list[str]:
    return [name for name in HELD if figures[name] > written[name] * GROWTH_ALLOWED]


def test_a_journey_may_grow_by_a_tenth_and_no_more() -> None:
    written = {"files": 30, "functions": 100, "cross_file_calls": 150}
    assert grown({"files": 33, "functions": 900, "cross_file_calls": 165}, written) == []
    assert grown({"files": 34, "functions": 100, "cross_file_calls": 150}, written) == ["files"]
    assert grown({"files": 30, "functions": 100, "cross_file_calls": 166}, written) == ["cross_file_calls"]


def test_order_to_row(transactional_db: None, tracer: Tracer) -> None:
    """ORM^O01 on a socket -> AA, and the order stands on the modality worklist."""
    DeviceFactory()
    ProcedureFactory()
    with tracer.installed(), listening() as port, Client(port) as sender:
        sender.ask(order(placer="P0", control_id="M0"))
        with tracer.recording():
            assert sender.ask(order(placer="P1", control_id="M1"))[1][1] == "AA"
    assert ScheduledStep.objects.filter(procedure__order__placer_number="P1").exists()
    hold("order_to_row", tracer.journey)


def test_query_to_answer(transactional_db: None, tracer: Tracer) -> None:
    """C-FIND on a new association -> the one scheduled step."""
    make_order(at=now())
    with tracer.installed(), dicom_running() as port:
        find(port, query())
        with tracer.recording():
            assert [status for status, _ in find(port, query())] == [0xFF00, 0x0000]
    hold("query_to_answer", tracer.journey)


def test_exam_to_screen(transactional_db: None, tracer: Tracer) -> None:
    """N-SET COMPLETED of an MPPS -> the reading item is opened -> a reader's list shows it."""
    browser = Browser()
    browser.force_login(make_reader())
    with tracer.installed(), dicom_running() as port:
        association = mpps(port)
        for record in (nullcontext, tracer.recording):
            placed = make_order(at=now())
            _, uid = create(association, begun(placed.procedures.get()))
            deliver_owed(at=now())
            with record():
                assert set_(association, ended(), uid).Status == 0x0000
                deliver_owed(at=now())
                page = browser.get(reverse("worklist:rows") + "?list=all")
            assert placed.accession in page.content.decode()
        association.release()
    hold("exam_to_screen", tracer.journey)


def test_click_to_claim(transactional_db: None, tracer: Tracer) -> None:
    """A reader clicks on claim -> the reading item is theirs."""
    reader = make_reader()
    browser = Browser()
    browser.force_login(reader)
    browser.get(reverse("worklist:rows"))
    with tracer.installed():
        for record in (nullcontext, tracer.recording):
            item = make_item()
            with record():
                browser.post(reverse("worklist:claim", args=[item.pk]))
            item.refresh_from_db()
            assert item.reader == reader
    hold("click_to_claim", tracer.journey)


def test_sign_to_wire(transactional_db: None, tracer: Tracer) -> None:
    """A reader clicks on sign -> the ORU is owed -> it is on the wire and the receiver has said AA."""
    reader = make_reader()
    browser = Browser()
    browser.force_login(reader)
    by = {"reader": reader, "actor": Actor.of_user(reader), "at": now()}
    with tracer.installed(), emr() as (receiver, port):
        to = destination(port)
        for number, record in enumerate((nullcontext, tracer.recording), 1):
            item = make_item()
            claim(item.pk, **by)
            save_draft(item.pk, revision=0, sections={"findings": "x", "impression": "y"}, **by)
            deliver_owed(at=now())
            with record():
                browser.post(reverse("reporting:sign", args=[item.pk]), {"revision": 1})
                deliver_owed(at=now())
                DestinationSender(to.pk).drain()
            assert len(receiver.got) == number
    hold("sign_to_wire", tracer.journey)


def test_the_chains_of_the_architecture_name_modules_that_exist() -> None:
    _, _, text = (ROOT / "docs/architecture.md").read_text().partition("## Five journeys")
    chains, _, _ = text.partition("\n## ")
    modules = [f"/{name.replace('.', '/')}" for name in SourceTree().modules]
    named = {
        name.replace(".", "/")
        for name in re.findall(r"`([a-z0-9_./]+)`", chains)
        if not name.startswith(("docs/", "tests/"))
    }
    assert len(named) > 50
    missing = sorted(name for name in named if not any(module.endswith(f"/{name}") for module in modules))
    assert not missing, f"docs/architecture.md names modules that do not exist: {', '.join(missing)}"
