from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import httpx
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from interfaces.dicom.models import Archive, ReportRoute
from reporting.models import ReportVersion
from reporting.services import save_draft, sign
from ris.audit.services import Actor
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, PatientFactory, SiteFactory, make_order, make_user, perform
from tests.interfaces.dicom.orthanc import Orthanc
from worklist.models import ReadingItem
from worklist.services import claim

SIGNED = NOON + timedelta(hours=1)


@pytest.fixture
def reader(db: None) -> User:
    return make_user("rada", Role.RADIOLOGIST, sites=(SiteFactory(),), first_name="Rada", last_name="Test", title="MD")


@pytest.fixture
def signed(reader: User) -> Callable[..., ReportVersion]:
    """Sign a report of a new CT head; keywords are sections, ``patient`` fields of the patient."""

    def sign_one(patient: dict[str, Any] | None = None, order: dict[str, Any] | None = None, **said: str) -> Any:
        procedure = make_order(patient=PatientFactory(**(patient or {})), **(order or {})).procedures.get()
        perform(procedure)
        deliver_owed(at=SIGNED)
        item = ReadingItem.objects.get(procedure=procedure)
        actor = Actor.of_user(reader)
        claim(item.pk, reader=reader, actor=actor, at=SIGNED)
        sections = {"findings": "Nothing of note.", "impression": "Normal."} | said
        draft = save_draft(item.pk, reader=reader, revision=0, sections=sections, actor=actor, at=SIGNED)
        version = sign(item.pk, reader=reader, revision=draft.revision, actor=actor, at=SIGNED)
        deliver_owed(at=SIGNED)
        return version

    return sign_one


def archive_at(server: Orthanc | None = None, *, name: str = "archive", **fields: Any) -> Archive:
    said = {"ae_title": "ARCHIVE", "host": "127.0.0.1", "port": server.dicom if server else 9}
    if server:
        said["dicomweb"] = f"{server.url}/dicom-web"
    return Archive.objects.create(name=name, **(said | fields))


def route_to(archive: Archive, **fields: Any) -> ReportRoute:
    return ReportRoute.objects.create(archive=archive, **fields)


def stored(server: Orthanc, study_uid: str) -> list[Dataset]:
    """What the archive has of the study, as pydicom reads it, by instance number."""
    found = httpx.post(
        f"{server.url}/tools/find",
        json={"Level": "Instance", "Query": {"StudyInstanceUID": study_uid}},
        timeout=10,
    ).json()
    files = [httpx.get(f"{server.url}/instances/{one}/file", timeout=10).content for one in found]
    return sorted((dcmread(BytesIO(file)) for file in files), key=lambda one: (one.Modality, int(one.InstanceNumber)))
