"""A second start, or a new version, does not take its styles and scripts from a page that is open."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from ris.management.commands.prepare import KEPT_S, _remove_old_files

pytestmark = pytest.mark.once


def test_files_of_an_earlier_version_stay_for_a_week(tmp_path: Path) -> None:
    names = ("app.css", "app.2222.css", "app.2222.css.gz", "app.1111.css", "app.0000.css", "app.0000.css.gz")
    for name in names:
        (tmp_path / name).write_text(name)
    (tmp_path / "staticfiles.json").write_text(json.dumps({"paths": {"app.css": "app.2222.css"}}))
    long_ago = time.time() - KEPT_S - 60
    for name in (*names, "staticfiles.json"):
        if "1111" not in name:
            os.utime(tmp_path / name, (long_ago, long_ago))
    _remove_old_files(tmp_path)
    left = {"app.css", "app.2222.css", "app.2222.css.gz", "app.1111.css", "staticfiles.json"}
    assert {file.name for file in tmp_path.iterdir()} == left
