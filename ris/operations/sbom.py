"""What this product is made of: every pinned package with version, hashes and licence, as CycloneDX 1.5 (ECMA-424)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
ALLOWED = re.compile(
    r"\b(MIT|0?BSD|Apache|PSF|PSFL|Python Software Foundation|MPL|Mozilla|LGPL|ISC|CC0|Zlib|HPND)\b|\bMIT-", re.I
)
"""Licences that let the product be given on under its own; LGPL: it is linked, not changed."""
REFUSED = re.compile(r"\b(?<!L)A?GPL|SSPL|Commons Clause|BUSL", re.I)


@dataclass(frozen=True, slots=True)
class Package:
    """One pinned package. ``licence`` is what its metadata say; empty where it is not installed here."""

    name: str
    version: str
    hashes: tuple[str, ...]
    licence: str

    @property
    def is_allowed(self) -> bool:
        """Whether its licence is one of ours, as far as it is known here."""
        return not self.licence or bool(ALLOWED.search(self.licence) and not REFUSED.search(self.licence))


def read_packages(requirements: Path) -> list[Package]:
    """The packages that ``requirements.txt`` pins, by name; one pinned for two kinds of Python is there twice."""
    text = requirements.read_text(encoding="utf-8")
    pins = list(PIN.finditer(text))
    ends = [pin.start() for pin in pins[1:]] + [len(text)]
    return [
        Package(pin[1].lower(), pin[2], tuple(HASH.findall(text[pin.end() : end])), _licence(pin[1]))
        for pin, end in zip(pins, ends, strict=True)
    ]


def _licence(name: str) -> str:
    try:
        said = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ""
    classifiers = [c.rpartition(" :: ")[2] for c in said.get_all("Classifier") or [] if c.startswith("License")]
    field = (said.get_all("License") or [""])[0].partition("\n")[0][:60]
    expression = said.get_all("License-Expression") or [""]
    return expression[0] or ", ".join(classifiers) or field


def as_cyclonedx(packages: list[Package], *, at: datetime) -> dict[str, Any]:
    """The bill of materials as a JSON object."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": at.astimezone(UTC).isoformat(timespec="seconds"),
            "component": {"type": "application", "name": "wetread", "bom-ref": "wetread"},
        },
        "components": [_component(package) for package in packages],
    }


def _component(package: Package) -> dict[str, Any]:
    purl = f"pkg:pypi/{package.name}@{package.version}"
    component: dict[str, Any] = {
        "type": "library", "name": package.name, "version": package.version, "purl": purl, "bom-ref": purl,
        # Every file of the release (wheels, source): which of them is installed depends on the machine.
        "properties": [{"name": "wetread:pinned-sha256", "value": digest} for digest in package.hashes],
    }  # fmt: skip
    return component | ({"licenses": [{"license": {"name": package.licence}}]} if package.licence else {})
