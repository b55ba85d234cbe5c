"""Two validators of other people's making: what one does not know of FHIR, the other does."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import fhirkit
from pyrofile_validator import Validator
from pyrofile_validator.config import ValidatorConfig

DEFINITIONS = Path(__file__).parent / "definitions/r4.json.gz"
"""StructureDefinitions, value sets and code systems of R4; see the README beside it."""


@cache
def _validator() -> Validator:
    """Pyrofile with the base definitions: profiles, required bindings, invariants."""
    folder = Path(tempfile.mkdtemp(prefix="r4-definitions-"))
    for number, definition in enumerate(json.loads(gzip.decompress(DEFINITIONS.read_bytes()))):
        (folder / f"{number}.json").write_text(json.dumps(definition))
    return Validator(ValidatorConfig.load_dict({"fhirVersion": "4.0.1", "localPackagePaths": [str(folder)]}))


def _is_its_own(issue: Any) -> bool:
    """Faults of pyrofile 0.3.0, in elements of elements: it does not see the value of a choice (``value[x]``), counts
    the values of all items of a list as one item's, and knows no ``_name`` beside a primitive. fhirkit looks at these.
    And the definitions of the backport's extensions are not among those it is given."""
    if issue.code == "element.unknown":
        return "channel._payload" in issue.message
    if issue.code == "extension.unknown":
        return "hl7.org/fhir/uv/subscriptions-backport/" in issue.message
    if issue.code == "cardinality.min":
        return "[x] is required" in issue.message
    return (
        issue.code.startswith("profile.element.cardinality") and "CapabilityStatement.rest.resource." in issue.message
    )


def faults(resource: dict[str, Any]) -> list[str]:
    """What either validator holds against a resource; empty when it is valid R4."""
    said = [f"fhirkit: {issue}" for issue in fhirkit.validate(resource) if str(issue).startswith("error")]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints traces
        report = _validator().validate_resource(resource)
    errors = [one for one in report.issues if one.severity.value == "error" and not _is_its_own(one)]
    said += [f"pyrofile: {one.code} {one.message}" for one in errors]
    return [f"{resource.get('resourceType')}/{resource.get('id')}: {text}" for text in said]
