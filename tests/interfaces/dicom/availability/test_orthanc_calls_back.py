"""The script that the documentation gives for Orthanc, run by a real Orthanc against our own port."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interfaces.dicom.availability.webhook import issue_webhook_token
from interfaces.dicom.models import Archive
from ris.orders.models import Study
from tests.factories import NOON, TESTER, make_order, perform
from tests.interfaces.dicom.orthanc import orthanc

PAGE = Path(__file__).parents[4] / "docs" / "interfaces" / "dicom.md"


def script(server: str, token: str) -> str:
    """The Lua of the page, with its two blanks filled in."""
    (found,) = re.findall(r"```lua\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert "https://ris/" in found and "TOKEN" in found
    return found.replace("https://ris", server).replace("TOKEN", token)


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_a_study_that_is_stable_there_is_complete_here(
    live_server: Any, tmp_path: Path, eventually: Callable[..., object]
) -> None:
    archive = Archive.objects.create(name="archive", ae_title="ARCHIVE", host="127.0.0.1")
    lua = tmp_path / "wetread.lua"
    lua.write_text(script(live_server.url, issue_webhook_token(archive, actor=TESTER, at=NOON)), encoding="utf-8")
    performed = perform(make_order().procedures.get())
    with orthanc("ARCHIVE", tmp_path, options={"LuaScripts": [str(lua)], "StableAge": 1}) as server:
        server.store(patient_id="T1", uid=performed.study_uid, images=3)
        study = eventually(lambda: Study.objects.filter(complete_at__isnull=False).first())
    assert isinstance(study, Study)
    assert (study.instances, study.procedure, study.retrieve_ae) == (3, performed.steps.get().procedure, "ARCHIVE")
