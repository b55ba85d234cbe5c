"""A device's character set is one that DICOM knows; a device that reads ASCII alone gets Latin letters."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from interfaces.dicom.encoding.charsets import transliterate
from interfaces.dicom.models import DeviceProfile
from ris.catalog.models import Device
from ris.people.roles import Role
from tests.factories import DeviceFactory, PatientFactory, SiteFactory, make_order, make_user
from tests.interfaces.dicom.asking import ask
from tests.interfaces.dicom.scu import query


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("", ""),
        ("LATIN1", "ISO_IR 100"),
        ("latin-1", "ISO_IR 100"),
        ("ISO 8859-1", "ISO_IR 100"),
        ("UTF-8", "ISO_IR 192"),
        ("utf8", "ISO_IR 192"),
        ("ISO_IR_100", "ISO_IR 100"),
        ("iso_ir 192", "ISO_IR 192"),
        ("ASCII", "ISO_IR 6"),
        ("ISO_IR 6", "ISO_IR 6"),
        ("\\ISO 2022 IR 87", "\\ISO 2022 IR 87"),
        ("ISO 2022 IR 100\\ISO 2022 IR 144", "ISO 2022 IR 100\\ISO 2022 IR 144"),
    ],
)
def test_what_is_meant_is_kept_by_its_name(given_: str, kept: str) -> None:
    profile = DeviceProfile(device=DeviceFactory(), character_set=given_)
    profile.full_clean()
    assert profile.character_set == kept


@pytest.mark.django_db
@pytest.mark.parametrize("given_", ["KLINGON", "ISO_IR 999", "ISO_IR 100\\ISO_IR 192", "ISO 2022 IR 87\\", "100"])
def test_what_dicom_does_not_know_is_refused_with_what_it_knows(given_: str) -> None:
    with pytest.raises(ValidationError, match="ISO_IR 100"):
        DeviceProfile(device=DeviceFactory(), character_set=given_).full_clean()


@pytest.mark.django_db
def test_the_form_corrects_and_refuses() -> None:
    profile = DeviceProfile.objects.create(device=DeviceFactory())
    client = Client()
    client.force_login(make_user("admin", Role.ADMINISTRATOR, sites=(SiteFactory(),), is_staff=True))
    url = reverse("admin:dicom_deviceprofile_change", args=[profile.pk])
    form = client.get(url).context["adminform"].form
    said = {name: "" if (value := form[name].value()) in (None, False) else value for name in form.fields}
    client.post(url, said | {"character_set": "KLINGON", "reason": "new scanner"})
    assert DeviceProfile.objects.get().character_set == ""
    answer = client.post(url, said | {"character_set": "latin1", "reason": "new scanner"})
    assert DeviceProfile.objects.get().character_set == "ISO_IR 100", answer.content[:3000]


def entry_for(charset: str, **patient: Any) -> Any:
    device = DeviceFactory()
    DeviceProfile.objects.create(device=device, character_set=charset)
    make_order(patient=PatientFactory(**patient), reason="Sturz über Schwelle")
    asked = query(ReasonForTheRequestedProcedure="", SpecificCharacterSet="")
    _, (entry,), outcome = ask(asked, device=Device.objects.get(pk=device.pk))
    return entry, outcome


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("family", "given_", "shown"),
    [
        ("Zzmüller-Łukaß", "Éloïse", "Zzmuller-Lukass^Eloise"),
        ("Ззтест", "Жанна", "Zztest^ZHanna"),
        ("Ζζτεστ", "Άλφα", "Zztest^Alfa"),
        ("测试", "甲", "??^?"),
    ],
)
def test_a_device_that_reads_ascii_alone_gets_latin_letters(family: str, given_: str, shown: str) -> None:
    entry, outcome = entry_for("ISO_IR 6", family_name=family, given_name=given_)
    assert str(entry.PatientName) == shown
    assert entry.ReasonForTheRequestedProcedure == "Sturz uber Schwelle"
    assert not entry.SpecificCharacterSet
    assert outcome.notes == {"transliterated to ASCII"}


@pytest.mark.django_db
def test_of_three_groups_the_alphabetic_one_is_sent() -> None:
    entry, _ = entry_for("ASCII", family_name="Zzyamada", given_name="Tarou", ideographic_name="山田^太郎")
    assert str(entry.PatientName) == "Zzyamada^Tarou"


@pytest.mark.django_db
def test_a_set_that_nobody_checked_is_as_good_as_none() -> None:
    entry, outcome = entry_for("KLINGON", family_name="Zzmüller", given_name="Alpha")
    assert (entry.SpecificCharacterSet, str(entry.PatientName)) == ("ISO_IR 100", "Zzmüller^Alpha")
    assert outcome.notes == set()


@given(st.text(max_size=40), st.sampled_from(["PN", "LO", "LT"]))
def test_no_text_breaks_out_of_its_value(text: str, vr: str) -> None:
    latin = transliterate(text, vr)
    assert latin.isascii()
    for delimiter in "\\^=":
        assert latin.count(delimiter) <= text.count(delimiter)
