"""Conformance profiles of a destination: read, refused by name, and what does not fit them held."""

from __future__ import annotations

import re

import pytest

from interfaces.hl7.admin import ConformanceProfileForm, DestinationForm
from interfaces.hl7.models import ConformanceProfile, Destination, OutboundMessage
from interfaces.hl7.v2.profiles import read_profile
from interfaces.hl7.v2.validation import structure_as_profile
from reporting import services
from ris.kernel.errors import Invalid
from ris.kernel.models import Alarm
from tests.interfaces.hl7.outbound.test_results_out import deliver_and_prepare
from tests.reporting.written import by, signed
from tests.worklist.reading import make_reader

ORU = structure_as_profile("ORU_R01", "2.5.1")


def field(segment: str, number: int, said: str) -> str:
    """The ORU profile with other words for one field."""
    before, rest = ORU.split(f'Name="{segment}"', 1)
    fields = rest.split("<Field ")
    fields[number] = re.sub(r'Usage="\w+" Min="\d+" Max="[*\d]+"', said, fields[number])
    return f'{before}Name="{segment}"' + "<Field ".join(fields)


@pytest.fixture
def lab(db: None) -> Destination:
    return Destination.objects.create(name="LAB", kinds=["report.final", "report.corrected"])


def give(to: Destination, xml: str) -> None:
    form = ConformanceProfileForm({"destination": to.pk, "xml": xml})
    assert form.is_valid(), form.errors
    form.save()


def released() -> list[OutboundMessage]:
    version = signed(make_reader(), placer_number="P1", placer_authority="EMR")
    deliver_and_prepare()
    services.correct(
        version.report_id, revision=1, sections={"impression": "A bleed."}, reason="Late", **by(version.author)
    )
    deliver_and_prepare()
    return list(OutboundMessage.objects.order_by("pk"))


def test_what_is_sent_fits_the_structure_of_its_version_given_as_a_profile(lab: Destination) -> None:
    give(lab, ORU)
    assert lab.profiles.get().structure == "ORU_R01"
    assert [(row.state, row.error) for row in released()] == [("queued", "")] * 2


@pytest.mark.parametrize(
    ("xml", "wrong"),
    [
        (field("OBR", 10, 'Usage="R" Min="1" Max="1"'), "Missing required child OBR.OBR_10"),
        (field("OBR", 25, 'Usage="X" Min="0" Max="0"'), "OBR_25"),
        (field("OBR", 18, 'Usage="R" Min="1" Max="1" Length="3"'), "Exceeded max length (3) of OBR.OBR_18"),
        (field("OBR", 18, 'Usage="R" Min="1" Max="1" Length="20"'), ""),
        (
            ORU.replace('<SegGroup Name="VISIT" Usage="O" Min="0" Max="1">', '<SegGroup Name="VISIT" Usage="X">'),
            "VISIT",
        ),
    ],
)
def test_what_does_not_fit_the_profile_is_held_shown_and_alarmed(lab: Destination, xml: str, wrong: str) -> None:
    give(lab, xml)
    first = released()[0]
    assert first.state == ("invalid" if wrong else "queued")
    assert wrong in first.error
    assert Alarm.objects.filter(kind="hl7-message-invalid").exists() == bool(wrong)


def test_a_message_of_another_structure_is_checked_by_its_version(lab: Destination) -> None:
    give(lab, structure_as_profile("ADT_A01", "2.5.1"))
    assert {row.state for row in released()} == {"queued"}


@pytest.mark.parametrize(
    ("xml", "at"),
    [
        ("<p>", "xml"),
        ("<HL7v2xConformanceProfile/>", "xml"),
        ('<!DOCTYPE p [<!ENTITY e SYSTEM "file:///etc/passwd">]><p>&e;</p>', "xml"),
        ("x" * 2_000_001, "xml"),
        (ORU.replace('HL7Version="2.5.1"', 'HL7Version="9"'), "HL7Version"),
        (ORU.replace('MsgStructID="ORU_R01"', 'MsgStructID="??"'), "MsgStructID"),
        (ORU.replace('Name="MSH"', 'Name="PID"', 1), "MSH"),
        (ORU.replace('Name="OBX"', 'Name="OB"'), "Segment"),
        (field("OBX", 5, 'Usage="Q" Min="0" Max="1"'), "OBX-5"),
        (field("OBX", 5, 'Usage="O" Min="2" Max="1"'), "OBX-5"),
        (field("OBX", 5, 'Usage="O" Min="one" Max="1"'), "OBX-5"),
        (ORU.replace('Datatype="varies"', 'Datatype="?"'), "OBX-5"),
    ],
)
def test_a_profile_that_cannot_be_read_is_refused_with_the_place_and_the_cure(xml: str, at: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_profile(xml)
    assert refused.value.at == at
    assert re.search(r"(Give|Fill|Begin|Export|Let) ", refused.value.detail)


def test_the_form_refuses_a_profile_by_place_of_another_version_and_a_second_one(lab: Destination) -> None:
    def wrong(xml: str) -> str:
        form = ConformanceProfileForm({"destination": lab.pk, "xml": xml})
        return "" if form.is_valid() else str(form.errors["xml"])

    assert "OBX-5: " in wrong(field("OBX", 5, 'Usage="Q" Min="0" Max="1"'))
    assert "it is of 2.4" in wrong(structure_as_profile("ORU_R01", "2.4"))
    ConformanceProfile.objects.create(destination=lab, structure="ORU_R01", xml=ORU)
    assert "already" in wrong(ORU)


def test_what_nobody_would_look_at_is_refused_where_a_destination_is_set_up(lab: Destination, tmp_path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    right = {"name": "X", "port": 1, "hl7_version": "2.5.1", "charset": "UNICODE UTF-8", "timeout": 20,
             "most_a_second": 0, "failures": 0, "kinds": ["report.final"], "filters": {"critical": ["red"]},
             "options": {"pdf": True}}  # fmt: skip
    assert DestinationForm(right).is_valid()
    for name, value in {
        "kinds": ["report.finale"], "filters": {"color": ["red"]}, "options": {"pfd": True},
        "ca_file": str(junk), "cert_file": str(junk),
    }.items():  # fmt: skip
        assert list(DestinationForm(right | {name: value}).errors) == [name]
    for name, value in {"filters": {"critical": ["mauve"]}, "options": {"pdf": "yes"}}.items():
        assert list(DestinationForm(right | {name: value}).errors) == [name]
    assert list(DestinationForm(right | {"tls": "mutual"}).errors) == ["cert_file"]
