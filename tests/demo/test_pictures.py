"""The demo with pictures: a real Orthanc has the study of each exam that is done, and *Images* leads to it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.urls import reverse

from interfaces.dicom.availability.polling import poll_archives
from interfaces.dicom.models import Archive
from ris.config_values import Misconfigured
from ris.demo.pacs import DemoPacs, forget_pacs, running
from ris.demo.placing import EMR
from ris.kernel.clock import now
from ris.orders.models import Study
from ris.patients.models import Identifier
from ris.people.roles import Role
from tests.factories import PatientFactory, SiteFactory, make_order, make_user
from tests.pages.conftest import client_of, open_case

pytestmark = pytest.mark.once


@pytest.mark.django_db(transaction=True)
def test_the_room_leads_to_the_pictures_of_its_exam(tmp_path: Path) -> None:
    site = SiteFactory()
    item = open_case(site, placer_number="1", placer_authority=EMR)
    planned = make_order(site=site, patient=PatientFactory(), placer_number="2", placer_authority=EMR)
    foreign = open_case(site)
    number = Identifier.objects.filter(patient=item.procedure.order.patient, authority=site.assigning_authority).get()
    with running(tmp_path / "pacs") as pacs:
        pacs.register()
        pacs.send_missing(set())
        pacs.send_missing(set())  # as after a restart
        (study,) = httpx.get(f"{pacs.url}/studies?expand").json()
        assert study["MainDicomTags"]["StudyInstanceUID"] == item.procedure.study_uid
        assert study["MainDicomTags"]["AccessionNumber"] == item.accession
        assert study["PatientMainDicomTags"]["PatientID"] == number.value
        assert len(httpx.get(f"{pacs.url}/studies/{study['ID']}/instances").json()) == 10
        assert not any(pacs.has(other.study_uid) for other in (planned.procedures.get(), foreign.procedure))

        reader = make_user("zzreader", Role.RADIOLOGIST, sites=(site,))
        where = client_of(reader).get(reverse("reporting:images", args=[item.pk]))["Location"]
        assert parse_qs(urlsplit(where).query) == {"study": [item.procedure.study_uid]}
        assert "viewer.js" in httpx.get(where).raise_for_status().text

        for _ in range(2):  # the second look sees that it has stopped growing
            poll_archives(at=now())
        known = Study.objects.get(study_uid=item.procedure.study_uid)
        assert (known.instances, known.procedure) == (10, item.procedure) and known.complete_at
    with pytest.raises(httpx.ConnectError):
        pacs.has(item.procedure.study_uid)

    forget_pacs()  # a start without pictures
    site.refresh_from_db()
    assert (site.viewer_url, site.compare_url) == ("", "")
    assert not Archive.objects.filter(enabled=True).exists(), "nobody asks an archive that is gone"


def test_a_machine_without_orthanc_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ris.demo.pacs.shutil.which", lambda name, path=None: None)
    with pytest.raises(Misconfigured, match="apt install orthanc") as refused:
        DemoPacs().prepare()
    assert "RIS_DEMO_PACS" in str(refused.value)
