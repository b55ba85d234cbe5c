"""The bill of materials names all that is pinned; nothing is pinned whose licence does not let it be given on."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command

from ris.operations.sbom import Package, read_packages
from tests.serving import ROOT

pytestmark = pytest.mark.once


def test_the_bill_names_every_package_with_its_hashes() -> None:
    out = io.StringIO()
    call_command("sbom", stdout=out)
    bill = json.loads(out.getvalue())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    by_name = {component["name"]: component for component in bill["components"]}
    django = by_name["django"]
    assert django["purl"] == f"pkg:pypi/django@{django['version']}"
    pinned = [line.split("==")[0] for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line[:60]]
    assert set(by_name) == {name.strip().lower() for name in pinned if not name.startswith((" ", "#"))}
    assert all(component["properties"] for component in bill["components"]), "each has a hash"


def test_every_licence_is_one_of_ours() -> None:
    packages = read_packages(ROOT / "requirements.txt")
    assert [f"{package.name}: {package.licence}" for package in packages if not package.is_allowed] == []
    assert sum(bool(package.licence) for package in packages) > 60


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [("MIT", True), ("LGPL-3.0-only", True), ("GPL-3.0-only", False), ("AGPL-3.0", False), ("Proprietary", False),
     ("GNU Affero General Public License v3 (AGPLv3)", False), ("MIT OR Apache-2.0", True), ("MIT-CMU", True)],
)  # fmt: skip
def test_what_spreads_to_the_whole_is_refused(licence: str, allowed: bool) -> None:
    assert Package("x", "1", (), licence).is_allowed is allowed
