from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from django.db.models import F
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.kernel.relay import deliver_owed
from ris.orders import states
from ris.orders.intents import Code, Diagnosis, Entity, Observation, ProcedureIntent, Recipient
from ris.orders.models import Order, PerformedStep, ScheduledStep
from ris.patients.models import Patient
from ris.people.roles import Role
from tests.factories import DeviceFactory, PatientFactory, ProcedureFactory, SiteFactory, make_order, make_user
from worklist.models import ReadingItem

from .conftest import client_of, noon_tomorrow


@pytest.fixture
def desk(site: Site) -> Client:
    return client_of(make_user("sched", Role.SCHEDULER, sites=(site,), time_zone="America/Chicago"))


@pytest.fixture
def tech(site: Site) -> Client:
    return client_of(make_user("tech", Role.TECHNOLOGIST, sites=(site,)), **{"HX-Request": "true"})


def test_an_order_is_placed_from_a_patient_found_and_a_code_found(desk: Client, site: Site) -> None:
    patient, procedure = PatientFactory(family_name="ZZTESTOWL"), ProcedureFactory()
    DeviceFactory(site=site)
    found = desk.post(reverse("orders:matches"), {"text": "zztestow"}).content.decode()
    assert reverse("orders:new", args=[patient.pk]) in found
    options = desk.get(reverse("orders:procedures"), {"code": "head ct"}).content.decode()
    assert reverse("orders:pick", args=[procedure.pk]) in options
    body = {
        "procedure": procedure.pk,
        "site": site.pk,
        "start": f"{noon_tomorrow():%Y-%m-%dT%H:%M}",
        "priority": "STAT",
        "reason": "Fall",
    }
    answer = desk.post(reverse("orders:new", args=[patient.pk]), body)
    order = Order.objects.get()
    assert answer["Location"] == reverse("orders:detail", args=[order.pk])
    step = ScheduledStep.objects.get()
    assert (order.priority, step.modality, step.minutes, step.device.ae_title) == ("STAT", "CT", 15, "CT1")
    assert step.start == noon_tomorrow(), "by the clock of the site, in Chicago"


def test_what_was_typed_survives_a_refusal(desk: Client, site: Site) -> None:
    patient = PatientFactory()
    answer = desk.post(reverse("orders:new", args=[patient.pk]),
                       {"site": site.pk, "start": "2026-03-10T08:30", "reason": "Fall from a tree"})  # fmt: skip
    assert answer.status_code == 400
    assert "at least one procedure" in answer.content.decode() and "Fall from a tree" in answer.content.decode()


def test_somebody_alike_is_shown_before_a_person_is_registered_twice(desk: Client, site: Site) -> None:
    PatientFactory(family_name="ZZTESTCROW", birth_date=date(1950, 2, 3))
    said = {"family_name": "Zztestcrow", "given_name": "Beta", "birth_date": "1950-02-03", "sex": "M",
            "number": "X77", "site": site.pk}  # fmt: skip
    answer = desk.post(reverse("orders:register"), said)
    assert answer.status_code == 400 and "another person" in answer.content.decode()
    assert Patient.objects.count() == 1
    assert desk.post(reverse("orders:register"), {**said, "not_alike": "1"}).status_code == 302
    assert Patient.objects.count() == 2


def test_a_number_that_exists_is_shown_beside_what_was_entered_and_nobody_is_overwritten(
    desk: Client, site: Site
) -> None:
    known = PatientFactory(family_name="ZZTESTCROW", given_name="Ada", birth_date=date(1950, 2, 3))
    number = known.identifiers.get().value
    said = {"family_name": "Zzotter", "given_name": "Beta", "birth_date": "1999-01-01", "sex": "M",
            "number": number, "site": site.pk}  # fmt: skip
    answer = desk.post(reverse("orders:register"), said)
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "ZZTESTCROW, Ada" in shown and "ZZOTTER, Beta" in shown and shown.count("differs") == 3
    assert reverse("orders:new", args=[known.pk]) in shown
    known.refresh_from_db()
    assert (known.family_name, known.birth_date, Patient.objects.count()) == ("ZZTESTCROW", date(1950, 2, 3), 1)


def test_a_number_of_a_patient_of_another_site_is_refused_without_a_name(desk: Client, site: Site) -> None:
    elsewhere = make_order(patient=PatientFactory(family_name="ZZCANARY"), site=SiteFactory(code="south")).patient
    said = {"family_name": "Zzotter", "number": elsewhere.identifiers.get().value, "site": site.pk}
    answer = desk.post(reverse("orders:register"), said)
    assert answer.status_code == 400 and "ZZCANARY" not in answer.content.decode()
    assert "another site" in answer.content.decode()


def test_the_search_box_finds_by_given_name_and_by_birth_date(desk: Client, site: Site) -> None:
    order = make_order(patient=PatientFactory(family_name="ZZTESTWREN", given_name="Iris"))
    for text in ("iris", "14.07.1945 wren iris".replace("wren", "zztestwren"), order.patient.identifiers.get().value):
        assert "ZZTESTWREN" in desk.post(reverse("orders:matches"), {"text": text}).content.decode(), text


def test_a_search_for_a_patient_leaves_nothing_in_the_address(desk: Client) -> None:
    order = make_order(patient=PatientFactory(family_name="ZZTESTJAY"))
    shown = desk.post(reverse("orders:list"), {"text": "zztestjay"}).content.decode()
    assert order.accession in shown and 'method="post"' in shown
    assert "zztestjay" not in desk.get(reverse("orders:list")).content.decode()


def test_cancelling_needs_a_reason_and_the_site(desk: Client) -> None:
    order = make_order()
    assert desk.post(reverse("orders:cancel", args=[order.pk])).status_code == 400
    foreign = make_order(site=SiteFactory(code="south"))
    assert desk.post(reverse("orders:cancel", args=[foreign.pk]), {"reason": "x"}).status_code == 404
    assert desk.post(reverse("orders:cancel", args=[order.pk]), {"reason": "Duplicate"}).status_code == 302
    assert order.reread().state == states.CANCELLED


def test_a_technologist_moves_a_step_by_hand_and_takes_it_back(tech: Client) -> None:
    step = make_order(at=now()).procedures.get().steps.get()
    arrived = tech.post(reverse("orders:arrive", args=[step.pk]))
    undo = json.loads(arrived["HX-Trigger"])["toast"]["undo"]
    assert step.reread().state == states.ARRIVED
    tech.post(undo)
    assert step.reread().state == states.SCHEDULED
    tech.post(reverse("orders:arrive", args=[step.pk]))
    started = tech.post(reverse("orders:start", args=[step.pk]), ASKED)
    tech.post(json.loads(started["HX-Trigger"])["toast"]["undo"])
    assert step.reread().state == states.ARRIVED, "the patient is still here"
    tech.post(reverse("orders:start", args=[step.pk]), ASKED)
    tech.post(reverse("orders:complete", args=[step.pk]))
    assert step.reread().state == states.COMPLETED


ASKED = {"asked": ["identity", "side", "implants", "contrast", "kidney", "pregnancy"]}


def undo_of(answer: HttpResponse) -> str:
    return str(json.loads(answer["HX-Trigger"])["toast"]["undo"])


def test_the_end_of_an_exam_is_taken_back_and_no_case_is_left(tech: Client) -> None:
    step = make_order(at=now()).procedures.get().steps.get()
    tech.post(reverse("orders:start", args=[step.pk]), ASKED)
    undo = undo_of(tech.post(reverse("orders:complete", args=[step.pk])))
    deliver_owed(at=now())
    assert ReadingItem.objects.get().state == "unread"
    assert tech.post(undo).status_code == 204
    deliver_owed(at=now())
    assert (step.reread().state, ReadingItem.objects.get().state) == (states.STARTED, "cancelled")

    why = reverse("orders:discontinue", args=[step.pk])
    refused = tech.post(why)
    assert refused.status_code == 400 and "Choose why" in refused["HX-Trigger"], "no reason is chosen beforehand"
    assert 'value="">Choose why' in tech.get(reverse("orders:step", args=[step.pk])).content.decode()
    tech.post(undo_of(tech.post(why, {"reason_code": "110505"})))
    assert step.reread().state == states.STARTED
    tech.post(reverse("orders:complete", args=[step.pk]))
    deliver_owed(at=now())
    assert ReadingItem.objects.get().state == "unread", "it opens again with the next end"


def test_a_stale_undo_says_what_happened_meanwhile(tech: Client) -> None:
    step = make_order(at=now()).procedures.get().steps.get()
    undo_start = undo_of(tech.post(reverse("orders:start", args=[step.pk]), ASKED))
    undo_end = undo_of(tech.post(reverse("orders:complete", args=[step.pk])))
    late = tech.post(undo_start)
    assert late.status_code == 409 and "is completed meanwhile" in late["HX-Trigger"]
    PerformedStep.objects.update(ended_at=now() - timedelta(hours=1))
    late = tech.post(undo_end)
    assert late.status_code == 409 and "Start it again instead" in late["HX-Trigger"]
    PerformedStep.objects.update(by_hand=False)
    assert "the device has ended" in tech.post(undo_end)["HX-Trigger"]


def test_the_board_shows_the_day_and_what_to_beware_of(tech: Client) -> None:
    patient = PatientFactory(allergies=["Iodine"])
    step = make_order(at=now(), patient=patient).procedures.get().steps.get()
    board = tech.get(reverse("orders:board")).content.decode()
    assert f'id="step-{step.pk}"' in board and "Allergy" in board
    assert "Iodine" in tech.get(reverse("orders:step", args=[step.pk])).content.decode()


def test_a_scheduler_does_not_perform(desk: Client) -> None:
    step = make_order(at=now()).procedures.get().steps.get()
    assert desk.post(reverse("orders:arrive", args=[step.pk])).status_code == 403
    assert "Arrive</button>" not in desk.get(reverse("orders:board")).content.decode()


def test_the_search_offers_what_is_ordered_most_and_contrast_by_choice(desk: Client, site: Site) -> None:
    with_contrast = ProcedureFactory(code="ZZCTW", name="CT head with contrast", cpt="70460")
    without = ProcedureFactory(code="ZZCTWO", name="CT head without contrast", cpt="70450")

    def first(text: str) -> str:
        shown = desk.get(reverse("orders:procedures"), {"code": text}).content.decode()
        return shown.split('id="option-')[1]

    assert first("ct head").startswith(f'{without.pk}"') and "without contrast</span>" in first("ct head")
    for _ in range(2):
        make_order(procedures=(ProcedureIntent(code=Code("ZZCTW", system="L")),))
    assert first("ct head").startswith(f'{with_contrast.pk}"'), "ordered most"
    assert 'amber">with contrast</span>' in first("ct head")
    for exact in ("70450", "zzctwo", "CT head without contrast"):
        assert first(exact).startswith(f'{without.pk}"'), exact


def test_the_page_of_an_order_shows_everything_that_was_said_with_it(desk: Client, tech: Client) -> None:
    order = make_order(
        at=now(),
        reason="ZZ fall from a tree",
        reason_codes=(Code("W14", "Fall from tree", "I10"),),
        diagnoses=(Diagnosis("S06.0", "Concussion", "I10", "W"),),
        observations=(Observation("33914-3", "eGFR", "LN", "48", "ml/min"),),
        weight_kg=81.5,
        height_m=1.74,
        call_back_phone="+1 555 0100",
        copies_to=(Recipient("ZZ7", "ZZCOPY^Carl", "NPI"),),
        patient_class="E",
        patient_location="ZZ-ER^12",
        referring_provider="ZZREFER^Rita",
        ordering_provider="ZZORDER^Olga",
        ordering_provider_id="ZZ123",
        pregnant=True,
        group_entity=Entity("ZZG1", "EMR"),
        sender_filler_number="ZZF9",
    )
    shown = desk.get(reverse("orders:detail", args=[order.pk])).content.decode()
    for said in (
        "ZZ fall from a tree", "Fall from tree", "Concussion", "working", "eGFR", "48", "ml/min", "81.5", "1.74",
        "+1 555 0100", "ZZCOPY", "in emergency care", "ZZ-ER^12", "ZZREFER", "ZZORDER", "ZZ123", "Pregnant",
        "ZZG1", "ZZF9",
    ):  # fmt: skip
        assert said in shown, said
    step = ScheduledStep.objects.get()
    looked_at = tech.get(reverse("orders:step", args=[step.pk])).content.decode()
    assert "Pregnant" in looked_at and "81.5" in looked_at and "ZZ-ER" in looked_at


def test_an_exam_starts_once_its_questions_are_ticked_and_the_reader_sees_by_whom(tech: Client) -> None:
    step = make_order(at=now()).procedures.get().steps.get()
    where = reverse("orders:start", args=[step.pk])
    refused = tech.post(where, {"asked": []})
    assert refused.status_code == 400 and "Name and date of birth" in refused["HX-Trigger"]
    assert step.reread().state == states.SCHEDULED
    assert 'name="asked"' in tech.get(reverse("orders:questions", args=[step.pk])).content.decode()
    assert tech.post(where, ASKED).status_code == 204
    asked = step.asked.get(key="identity")
    assert step.reread().state == states.STARTED and asked.asked_by is not None
    tech.post(reverse("orders:complete", args=[step.pk]))
    deliver_owed(at=now())
    reader = make_user("rade", Role.RADIOLOGIST, sites=(step.procedure.order.site,))
    reader_sees = Client()
    reader_sees.force_login(reader)
    room = reader_sees.get(reverse("reporting:room", args=[ReadingItem.objects.get().pk])).content.decode()
    assert "Asked before the exam" in room and asked.asked_by.display_name in room


def test_the_board_is_sent_again_only_when_something_changed_and_shows_its_day_alone(tech: Client) -> None:
    step = make_order(at=now()).procedures.get().steps.get()
    tech.post(reverse("orders:start", args=[step.pk]), ASKED)
    part = tech.get(reverse("orders:board"), {"part": "1"})
    name = step.procedure.order.patient.display_name
    assert f'<p class="name">{name}</p>' in part.content.decode(), "the name has a line of its own"
    again = tech.get(reverse("orders:board"), {"part": "1"}, headers={"If-None-Match": part["ETag"]})
    assert again.status_code == 304 and not again.content
    Patient.objects.filter(pk=step.procedure.order.patient_id).update(allergies=["Iodine"], version=F("version") + 1)
    fresh = tech.get(reverse("orders:board"), {"part": "1"}, headers={"If-None-Match": part["ETag"]})
    assert "Allergy: Iodine" in fresh.content.decode()
    tomorrow = f"{now() + timedelta(days=1):%Y-%m-%d}"
    assert name not in tech.get(reverse("orders:board"), {"part": "1", "day": tomorrow}).content.decode()
